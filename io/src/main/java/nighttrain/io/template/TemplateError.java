package nighttrain.io.template;

/** What Jinja2 raises while it reads or renders a template. {@link ChatTemplate} adds where, and what to do. */
final class TemplateError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** {@code raise_exception} was called: the template's own way to refuse messages. */
    final boolean refusal;

    private TemplateError(String message, boolean refusal) {
        super(message, null, false, false);
        this.refusal = refusal;
    }

    TemplateError(String message) {
        this(message, false);
    }

    static TemplateError refusal(String message) {
        return new TemplateError(message, true);
    }
}
