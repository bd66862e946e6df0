package nighttrain.io.template;

import java.util.Collection;

/** Texts that templates build, never larger than {@link TemplateEngine#MAX_CHARS}: checked before they are built. */
final class BoundedText {
    private BoundedText() {}

    static String replace(String text, String old, String replacement, int maxCount) {
        if (old.isEmpty()) {
            throw new IllegalStateException("replace of an empty text");
        }
        StringBuilder replaced = new StringBuilder();
        int from = 0;
        int count = 0;
        for (int at = text.indexOf(old); at >= 0 && count < maxCount; at = text.indexOf(old, from), count++) {
            checkChars((long) replaced.length() + (at - from) + replacement.length());
            replaced.append(text, from, at).append(replacement);
            from = at + old.length();
        }
        return replaced.append(text, from, text.length()).toString();
    }

    static String join(Collection<?> parts, String separator) {
        StringBuilder joined = new StringBuilder();
        boolean first = true;
        for (Object part : parts) {
            String text = part == null ? "" : part.toString();
            checkChars((long) joined.length() + separator.length() + text.length());
            joined.append(first ? "" : separator).append(text);
            first = false;
        }
        return joined.toString();
    }

    static String indent(String text, int width, boolean first) {
        long lines = text.chars().filter(c -> c == '\n').count() + 1;
        checkChars(text.length() + lines * Math.max(0, width));
        String spaces = " ".repeat(Math.max(0, width));
        // As Jinja: blank lines stay blank.
        String indented = text.replaceAll("\n(?=[^\n])", "\n" + spaces);
        return first ? spaces + indented : indented;
    }

    static void checkChars(long chars) {
        if (chars > TemplateEngine.MAX_CHARS) {
            throw new RenderBudget.Exceeded(
                    "chat template writes too much: more than " + TemplateEngine.MAX_CHARS + " characters");
        }
    }

    static void checkEntries(long entries) {
        if (entries > TemplateEngine.MAX_ENTRIES) {
            throw new RenderBudget.Exceeded(
                    "chat template makes too long a list: more than " + TemplateEngine.MAX_ENTRIES + " entries");
        }
    }
}
