package nighttrain.io.template;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Breaks text into lines of a given width, as Python's {@code textwrap} does. */
final class WordWrap {
    private static final String WORD = "[\\w!\"'&.,?]";
    private static final String LETTER = "[^\\d\\W]";
    private static final String BLANK = "[\\t\\n\\x0b\\f\\r ]";
    private static final Pattern CHUNKS =
            chunks(BLANK + "+|(?<=" + WORD + ")-{2,}(?=\\w)|[^\\t\\n\\x0b\\f\\r ]+?(?:-(?:(?<="
                    + LETTER + "{2}-)|(?<=" + LETTER + "-" + WORD + "-))(?=" + LETTER + "-?" + LETTER + ")|(?=" + BLANK
                    + "|\\z)|(?<=" + WORD + ")(?=-{2,}\\w))");
    private static final Pattern SIMPLE = chunks(BLANK + "+|[^\\t\\n\\x0b\\f\\r ]+");

    private WordWrap() {}

    private static Pattern chunks(String pattern) {
        return Pattern.compile(pattern, Pattern.UNICODE_CHARACTER_CLASS);
    }

    static List<String> wrap(String text, int width, boolean breakLong, boolean hyphens) {
        if (width <= 0) {
            throw new TemplateError("invalid width " + width + " (must be > 0)");
        }
        Deque<String> chunks = new ArrayDeque<>();
        Matcher matcher = (hyphens ? CHUNKS : SIMPLE).matcher(text);
        while (matcher.find()) {
            chunks.add(matcher.group());
        }
        List<String> lines = new ArrayList<>();
        while (!chunks.isEmpty()) {
            RenderBudget.count();
            if (!lines.isEmpty() && chunks.peek().isBlank()) {
                chunks.remove();
            }
            StringBuilder line = new StringBuilder();
            List<String> parts = new ArrayList<>();
            int length = 0;
            while (!chunks.isEmpty() && length + Text.length(chunks.peek()) <= width) {
                length += Text.length(chunks.peek());
                parts.add(chunks.remove());
            }
            if (!chunks.isEmpty() && Text.length(chunks.peek()) > width && (breakLong || parts.isEmpty())) {
                String chunk = chunks.remove();
                int end = breakLong ? end(chunk, width - length, hyphens) : chunk.length();
                parts.add(chunk.substring(0, end));
                if (end < chunk.length()) {
                    chunks.addFirst(chunk.substring(end));
                }
            }
            if (!parts.isEmpty() && parts.get(parts.size() - 1).isBlank()) {
                parts.remove(parts.size() - 1);
            }
            parts.forEach(line::append);
            if (!parts.isEmpty()) {
                lines.add(line.toString());
            }
        }
        return lines;
    }

    private static int end(String chunk, int room, boolean hyphens) {
        int end = chunk.offsetByCodePoints(0, room);
        int hyphen = hyphens ? chunk.lastIndexOf('-', end - 1) : -1;
        return hyphen > 0 && !chunk.substring(0, hyphen).matches("-*") ? hyphen + 1 : end;
    }
}
