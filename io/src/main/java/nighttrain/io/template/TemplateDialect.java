package nighttrain.io.template;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Rewrites Jinja source where the engine reads it otherwise than Jinja does:
 *
 * <ul>
 *   <li>{@code not x is defined}: the engine takes it for {@code (not x) is defined}
 *   <li>{@code f(a=b|length - 1)}: it takes it for {@code f((a=b|length) - 1)}
 *   <li>{@code x[::-1]}: it knows no steps
 *   <li>{@code trim_blocks} and {@code lstrip_blocks}, done here: it also strips spaces that follow text
 * </ul>
 */
final class TemplateDialect {
    private static final Pattern NOT_IS = Pattern.compile("\\bnot (\\w+(?:\\.\\w+)*) is (defined|none)\\b");
    private static final Pattern NAMED = Pattern.compile("\\s*[A-Za-z_]\\w*\\s*=(?!=)\\s*");
    private static final Pattern RAW = Pattern.compile("\\{%[-+]?\\s*raw\\s*[-+]?%}");
    private static final Pattern END_RAW = Pattern.compile("\\{%[-+]?\\s*endraw\\s*[-+]?%}");

    private final String source;
    private final StringBuilder target = new StringBuilder();
    private final TemplateLimits limits = new TemplateLimits();
    private int at;

    private TemplateDialect(String source) {
        this.source = source;
    }

    /**
     * The same template as the engine is to read it.
     *
     * @throws ChatTemplateException where it is more involved than {@link TemplateLimits} allow
     */
    static String translate(String template) {
        String lines = template.replace("\r\n", "\n");
        // Jinja drops one line end at the template's end; the engine would drop it from the text that was rendered.
        String whole = lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines;
        return new TemplateDialect(whole).blocks();
    }

    private String blocks() {
        while (at < source.length()) {
            int block = nextBlock();
            target.append(source, at, block == source.length() ? block : textEnd(block));
            at = block;
            if (at < source.length()) {
                block();
            }
        }
        return target.toString();
    }

    private void block() {
        Matcher raw = RAW.matcher(source).region(at, source.length());
        if (source.charAt(at + 1) == '#') {
            copyTo(after("#}", at + 2));
            skipLineEnd();
        } else if (raw.lookingAt()) {
            Matcher end = END_RAW.matcher(source);
            copyTo(end.find(raw.end()) ? end.end() : source.length());
            skipLineEnd();
        } else {
            boolean statement = source.charAt(at + 1) == '%';
            int end = codeEnd(statement ? "%}" : "}}");
            String block = source.substring(at, end);
            limits.check(block);
            target.append(code(block));
            at = end;
            if (statement && !block.endsWith("+%}")) {
                skipLineEnd();
            }
        }
    }

    /** {@code lstrip_blocks}: where the text before a block ends, without spaces that have a line to themselves. */
    private int textEnd(int block) {
        if (source.charAt(block + 1) == '{' || source.startsWith("+", block + 2)) {
            return block;
        }
        int end = block;
        while (end > at && (source.charAt(end - 1) == ' ' || source.charAt(end - 1) == '\t')) {
            end--;
        }
        return end == 0 || source.charAt(end - 1) == '\n' ? end : block;
    }

    /** {@code trim_blocks}. */
    private void skipLineEnd() {
        if (source.startsWith("\n", at)) {
            at++;
        }
    }

    private int nextBlock() {
        for (int i = at; i + 1 < source.length(); i++) {
            char second = source.charAt(i + 1);
            if (source.charAt(i) == '{' && (second == '{' || second == '%' || second == '#')) {
                return i;
            }
        }
        return source.length();
    }

    private void copyTo(int end) {
        target.append(source, at, end);
        at = end;
    }

    private int after(String text, int from) {
        int found = source.indexOf(text, from);
        return found < 0 ? source.length() : found + text.length();
    }

    /** Where the block that begins here ends, quoted text aside. */
    private int codeEnd(String closing) {
        for (int i = at + 2; i < source.length(); i++) {
            char c = source.charAt(i);
            if (c == '\'' || c == '"') {
                i = quoteEnd(source, i);
            } else if (source.startsWith(closing, i)) {
                return i + closing.length();
            }
        }
        return source.length();
    }

    private static int quoteEnd(String text, int quote) {
        for (int i = quote + 1; i < text.length(); i++) {
            if (text.charAt(i) == '\\') {
                i++;
            } else if (text.charAt(i) == text.charAt(quote)) {
                return i;
            }
        }
        return text.length() - 1;
    }

    private static String code(String block) {
        String plain = block.replaceFirst("^\\{%\\+", "{%").replaceFirst("\\+%}$", "%}");
        String rewritten = NOT_IS.matcher(plain).replaceAll("$1 is not $2").replace("[::-1]", "|reverse");
        // A macro's defaults look like named arguments but are read by other rules.
        return rewritten.matches("(?s)\\{%[-+]?\\s*macro\\b.*") ? rewritten : namedInParentheses(rewritten);
    }

    private static String namedInParentheses(String block) {
        StringBuilder out = new StringBuilder();
        Deque<Character> brackets = new ArrayDeque<>();
        // 'v' on the stack: a named argument's value, in the parenthesis that was put there.
        for (int i = 2; i < block.length(); i++) {
            char c = block.charAt(i);
            if (c == '\'' || c == '"') {
                int end = quoteEnd(block, i);
                out.append(block, i, end + 1);
                i = end;
                continue;
            }
            boolean valueEnds = !brackets.isEmpty() && brackets.peek() == 'v' && (c == ',' || c == ')');
            if (valueEnds) {
                out.append(')');
                brackets.pop();
            }
            out.append(c);
            track(brackets, c);
            boolean argumentBegins = c == '(' || (c == ',' && !brackets.isEmpty() && brackets.peek() == '(');
            Matcher named = NAMED.matcher(block).region(i + 1, block.length());
            if (argumentBegins && named.lookingAt()) {
                out.append(named.group()).append('(');
                brackets.push('v');
                i = named.end() - 1;
            }
        }
        return block.substring(0, 2) + out;
    }

    private static void track(Deque<Character> brackets, char c) {
        if (c == '(' || c == '[' || c == '{') {
            brackets.push(c);
        } else if ((c == ')' || c == ']' || c == '}') && !brackets.isEmpty()) {
            brackets.pop();
        }
    }
}
