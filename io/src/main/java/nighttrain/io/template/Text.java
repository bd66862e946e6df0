package nighttrain.io.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import nighttrain.io.template.Values.Markup;

/** Python's str: a sequence of code points. Case and blanks are Unicode's, whatever the machine's locale. */
final class Text {
    /** Characters for which {@code str.isspace} and {@code \s} are true, for use in a character class. */
    static final String BLANKS =
            "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

    private static final int SIGMA_CONTEXT = 64;
    private static final String WORD_PUNCTUATION =
            "'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a";

    private Text() {}

    static boolean is(Object value) {
        return value instanceof String || value instanceof Markup;
    }

    /** Returns the text of a value that {@link #is} accepts. */
    static String of(Object value) {
        return value instanceof Markup markup ? markup.text() : (String) value;
    }

    /** Returns text as str or markup, whichever {@code model} is. */
    static Object like(Object model, String text) {
        return model instanceof Markup ? new Markup(text) : text;
    }

    static boolean isBlank(int c) {
        return (c >= 9 && c <= 13)
                || (c >= 0x1c && c <= 0x20)
                || c == 0x85
                || c == 0xa0
                || (c > 0xff && (Character.getType(c) == Character.SPACE_SEPARATOR || c == 0x2028 || c == 0x2029));
    }

    /** Whether everything from {@code from} on is blank. */
    static boolean isBlank(String text, int from) {
        for (int i = from; i < text.length(); i++) {
            if (!isBlank(text.charAt(i))) {
                return false;
            }
        }
        return true;
    }

    /** {@code len}. */
    static int length(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                return text.codePointCount(0, text.length());
            }
        }
        return text.length();
    }

    /** Returns the offset of the code point of this index, from 0 to {@link #length}. */
    static int offset(String text, int index, int length) {
        return length == text.length() ? index : text.offsetByCodePoints(0, index);
    }

    /** Compares by code points; Java's own order is that of UTF-16. */
    static int compare(String a, String b) {
        int limit = Math.min(a.length(), b.length());
        for (int i = 0; i < limit; i++) {
            char x = a.charAt(i);
            char y = b.charAt(i);
            if (x != y) {
                boolean both = Character.isSurrogate(x) == Character.isSurrogate(y);
                return both ? Character.compare(x, y) : Character.isSurrogate(x) ? 1 : -1;
            }
        }
        return Integer.compare(a.length(), b.length());
    }

    /** {@code strip(chars)}; blanks where chars is null. */
    static String strip(String text, String chars, boolean left, boolean right) {
        int begin = 0;
        int end = text.length();
        while (left && begin < end && strips(text.codePointAt(begin), chars)) {
            begin += Character.charCount(text.codePointAt(begin));
        }
        while (right && end > begin && strips(text.codePointBefore(end), chars)) {
            end -= Character.charCount(text.codePointBefore(end));
        }
        return text.substring(begin, end);
    }

    private static boolean strips(int c, String chars) {
        return chars == null ? isBlank(c) : chars.indexOf(c) >= 0;
    }

    static String upper(String text) {
        RenderBudget.checkChars(text.length());
        return text.toUpperCase(Locale.ROOT);
    }

    static String lower(String text) {
        RenderBudget.checkChars(text.length());
        if (text.indexOf('Σ') < 0) {
            return text.toLowerCase(Locale.ROOT);
        }
        StringBuilder lower = new StringBuilder(text.length());
        int from = 0;
        for (int at = text.indexOf('Σ'); at >= 0; at = text.indexOf('Σ', from)) {
            lower.append(text.substring(from, at).toLowerCase(Locale.ROOT)).append(lowerSigma(text, at));
            from = at + 1;
        }
        return lower.append(text.substring(from).toLowerCase(Locale.ROOT)).toString();
    }

    /** Implements {@code casefold} as closely as Java's data allows. */
    static String casefold(String text) {
        return lower(upper(text)).replace('ς', 'σ');
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = Character.charCount(text.codePointAt(0));
        // The rest is lower-cased as a whole: a final sigma depends on what precedes it.
        String lower = lower(text);
        String lowerFirst = lower(text.substring(0, first));
        return titleOf(text.codePointAt(0)) + lower.substring(lowerFirst.length());
    }

    /** Implements {@code str.title}: a letter that follows no letter becomes a title letter. */
    static String title(String text) {
        RenderBudget.checkChars(text.length());
        StringBuilder title = new StringBuilder();
        boolean inWord = false;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            int next = i + Character.charCount(c);
            if (!inWord) {
                title.append(titleOf(c));
            } else if (c == 'Σ') {
                title.append(lowerSigma(text, i));
            } else {
                title.append(Character.toString(c).toLowerCase(Locale.ROOT));
            }
            inWord = isCased(c);
            i = next;
        }
        return title.toString();
    }

    /** Returns the lower case of a capital sigma: another at the end of a word, which Java finds in other places than Python. */
    private static char lowerSigma(String text, int at) {
        int before = at;
        while (before > 0 && isCaseIgnorable(text.codePointBefore(before)) && at - before < SIGMA_CONTEXT) {
            before -= Character.charCount(text.codePointBefore(before));
        }
        int after = at + 1;
        while (after < text.length() && isCaseIgnorable(text.codePointAt(after)) && after - at < SIGMA_CONTEXT) {
            after += Character.charCount(text.codePointAt(after));
        }
        boolean begun = before > 0 && isCased(text.codePointBefore(before));
        boolean ends = after == text.length() || !isCased(text.codePointAt(after));
        return begun && ends ? 'ς' : 'σ';
    }

    /** Unicode's Case_Ignorable: marks, modifiers, and the punctuation of words. */
    private static boolean isCaseIgnorable(int c) {
        return switch (Character.getType(c)) {
            case Character.NON_SPACING_MARK,
                    Character.ENCLOSING_MARK,
                    Character.FORMAT,
                    Character.MODIFIER_LETTER,
                    Character.MODIFIER_SYMBOL -> true;
            default -> WORD_PUNCTUATION.indexOf(c) >= 0;
        };
    }

    private static String titleOf(int c) {
        String upper = Character.toString(c).toUpperCase(Locale.ROOT);
        boolean one = upper.length() == Character.charCount(upper.codePointAt(0));
        if (one || Character.isTitleCase(c) || Character.toTitleCase(c) != c) {
            return Character.toString(Character.toTitleCase(c));
        }
        // Characters that become several, such as ß: one capital and then small letters.
        int first = 0;
        while (first < upper.length() && !isCased(upper.codePointAt(first))) {
            first += Character.charCount(upper.codePointAt(first));
        }
        if (first >= upper.length()) {
            return upper;
        }
        int rest = first + Character.charCount(upper.codePointAt(first));
        return upper.substring(0, rest) + upper.substring(rest).toLowerCase(Locale.ROOT);
    }

    static boolean isCased(int c) {
        return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
    }

    static String swapcase(String text) {
        RenderBudget.checkChars(text.length());
        StringBuilder swapped = new StringBuilder();
        for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
            int c = text.codePointAt(i);
            String one = Character.toString(c);
            if (c == 'Σ') {
                swapped.append(lowerSigma(text, i));
            } else if (Character.isUpperCase(c)) {
                swapped.append(one.toLowerCase(Locale.ROOT));
            } else {
                swapped.append(Character.isLowerCase(c) ? one.toUpperCase(Locale.ROOT) : one);
            }
        }
        return swapped.toString();
    }

    static boolean isUpper(String text) {
        return text.codePoints().anyMatch(Character::isUpperCase)
                && text.codePoints().noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
    }

    static boolean isLower(String text) {
        return text.codePoints().anyMatch(Character::isLowerCase)
                && text.codePoints().noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
    }

    static boolean isTitle(String text) {
        boolean inWord = false;
        boolean any = false;
        for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
            int c = text.codePointAt(i);
            boolean upper = Character.isUpperCase(c) || Character.isTitleCase(c);
            if ((upper && inWord) || (Character.isLowerCase(c) && !inWord)) {
                return false;
            }
            inWord = isCased(c);
            any |= inWord;
        }
        return any;
    }

    static String repeat(String text, int times) {
        RenderBudget.checkChars(text.length() * (long) Math.max(0, times));
        return text.repeat(Math.max(0, times));
    }

    /** Implements {@code str.replace}; a negative count replaces all. */
    static String replace(String text, String old, String replacement, int count) {
        StringBuilder replaced = new StringBuilder();
        int from = 0;
        int at = text.indexOf(old);
        for (int n = 0; at >= 0 && (count < 0 || n < count); n++) {
            if ((long) replaced.length() + replacement.length() + text.length() - from > RenderBudget.MAX_CHARS) {
                RenderBudget.checkChars((long) replaced.length() + replacement.length() + text.length() - from);
            }
            replaced.append(text, from, at).append(replacement);
            from = at + old.length();
            if (old.isEmpty()) {
                // An empty text occurs before every character and at the end.
                int next = at < text.length() ? text.offsetByCodePoints(at, 1) : -1;
                replaced.append(text, from, Math.max(from, next));
                from = Math.max(from, next);
                at = next;
            } else {
                at = text.indexOf(old, from);
            }
        }
        replaced.append(text, from, text.length());
        RenderBudget.checkChars(replaced.length());
        return replaced.toString();
    }

    /** {@code splitlines}. */
    static List<Object> lines(String text, boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int begin = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if ((c >= '\n' && c <= '\r') || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029) {
                int end = c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n' ? i + 2 : i + 1;
                lines.add(text.substring(begin, keepEnds ? end : i));
                begin = end;
                i = end - 1;
            }
        }
        if (begin < text.length()) {
            lines.add(text.substring(begin));
        }
        RenderBudget.checkEntries(lines.size());
        return lines;
    }

    /** Implements {@code repr}: in single quotes, unless the text contains single but no double quotes. */
    static void repr(String text, StringBuilder out) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        out.append(quote);
        text.codePoints().forEach(c -> {
            switch (c) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> {
                    if (c == quote) {
                        out.append('\\').append(quote);
                    } else if (isPrintable(c)) {
                        out.appendCodePoint(c);
                    } else {
                        out.append(String.format(c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c));
                    }
                }
            }
        });
        out.append(quote);
    }

    static boolean isPrintable(int c) {
        if (c < 0x7f) {
            return c >= ' ';
        }
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SPACE_SEPARATOR -> false;
            default -> true;
        };
    }
}
