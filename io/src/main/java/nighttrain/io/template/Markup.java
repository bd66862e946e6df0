package nighttrain.io.template;

/** Text that the filters {@code safe} and {@code escape} made: what it is combined with is escaped for HTML first. */
record Markup(String text) {
    /** As MarkupSafe escapes; what is markup already stays as it is. */
    static Markup escape(Object value) {
        if (value instanceof Markup markup) {
            return markup;
        }
        String text = Python.str(value);
        RenderBudget.checkChars(text.length() * 5L);
        return new Markup(text.replace("&", "&amp;")
                .replace(">", "&gt;")
                .replace("<", "&lt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;"));
    }

    @Override
    public String toString() {
        return text;
    }
}
