package nighttrain.io.template;

import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Splits source into tokens, with {@code trim_blocks} and {@code lstrip_blocks}: a block or comment removes the newline after it, and the blanks
 * before it on its line, unless a sign at that end says otherwise ({@code -} removes all blanks, {@code +} none).
 */
final class Lexer {
    /** Most characters of one {@code {{ }}} or {@code {% %}}. */
    private static final int MAX_BLOCK_CHARS = 16_384;

    /** Most brackets within brackets. */
    private static final int MAX_BRACKETS = 64;

    private static final String BLANK = "[" + Text.BLANKS + "]";
    private static final Pattern RAW = Pattern.compile("\\{%[-+]?" + BLANK + "*raw" + BLANK + "*(-?)%}");
    private static final Pattern END_RAW =
            Pattern.compile("\\{%([-+]?)" + BLANK + "*endraw" + BLANK + "*(?:\\+%}|-%}" + BLANK + "*|%}\n?)");
    private static final Pattern INTEGER = Pattern.compile(
            "0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[0-9a-f])+|[1-9](?:_?[0-9])*|0(?:_?0)*", Pattern.CASE_INSENSITIVE);
    private static final Pattern FLOAT = Pattern.compile(
            "(?<!\\.)(?:[0-9]+_)*[0-9]+(?:(?:\\.(?:[0-9]+_)*[0-9]+)?e[-+]?(?:[0-9]+_)*[0-9]+|\\.(?:[0-9]+_)*[0-9]+)",
            Pattern.CASE_INSENSITIVE);
    private static final List<String> OPERATORS = List.of(
            "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
            "=", ".", ":", "|", ",", ";");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    private int counted;
    private boolean lineStarts = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String template) {
        String source = template.replace("\r\n", "\n").replace('\r', '\n');
        Lexer lexer = new Lexer(source.endsWith("\n") ? source.substring(0, source.length() - 1) : source);
        lexer.root();
        return lexer.tokens;
    }

    private void root() {
        while (at < source.length()) {
            int open = open(at);
            if (open < 0) {
                data(source.substring(at));
                at = source.length();
                break;
            }
            char kind = source.charAt(open + 1);
            int sign = open + 2 < source.length() ? source.charAt(open + 2) : ' ';
            data(stripped(source.substring(at, open), sign, kind != '{'));
            at = open;
            Matcher raw = RAW.matcher(source).region(open, source.length());
            if (kind == '%' && raw.lookingAt()) {
                at = raw.end();
                if (!raw.group(1).isEmpty()) {
                    skipBlanks();
                }
                lineStarts = source.charAt(at - 1) == '\n';
                rawBody();
                continue;
            }
            at = open + (sign == '-' || sign == '+' ? 3 : 2);
            lineStarts = false;
            if (kind == '#') {
                comment();
            } else {
                add(kind == '%' ? Token.BLOCK_BEGIN : Token.PRINT_BEGIN, "");
                block(kind == '%', open);
            }
        }
        add(Token.END, "");
    }

    private int open(int from) {
        for (int i = source.indexOf('{', from); i >= 0 && i + 1 < source.length(); i = source.indexOf('{', i + 1)) {
            char next = source.charAt(i + 1);
            if (next == '{' || next == '%' || next == '#') {
                return i;
            }
        }
        return -1;
    }

    /** Returns the text before a tag, without the blanks that the tag removes. */
    private String stripped(String text, int sign, boolean takesBlanks) {
        if (sign == '-') {
            return Text.strip(text, null, false, true);
        }
        int lineBegin = text.lastIndexOf('\n') + 1;
        boolean wholeLine = lineBegin > 0 || lineStarts;
        return sign != '+' && takesBlanks && wholeLine && Text.isBlank(text, lineBegin)
                ? text.substring(0, lineBegin)
                : text;
    }

    private void data(String text) {
        if (!text.isEmpty()) {
            add(Token.DATA, text);
        }
    }

    private void rawBody() {
        Matcher end = END_RAW.matcher(source);
        if (!end.find(at)) {
            throw fail("Missing end of raw directive");
        }
        int sign = end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0);
        data(stripped(source.substring(at, end.start()), sign, true));
        at = end.end();
        lineStarts = source.charAt(at - 1) == '\n';
    }

    private void comment() {
        int end = source.indexOf("#}", at);
        if (end < 0) {
            throw fail("Missing end of comment tag");
        }
        // A single sign may be the opening one: {#-#} has no text and no closing sign.
        char sign = end > at ? source.charAt(end - 1) : ' ';
        at = end + 2;
        close(sign, true);
    }

    /** Skips the blanks after a closing tag that the tag removes. */
    private void close(char sign, boolean trims) {
        if (sign == '-') {
            skipBlanks();
        } else if (sign != '+' && trims && at < source.length() && source.charAt(at) == '\n') {
            at++;
        }
        lineStarts = source.charAt(at - 1) == '\n';
    }

    private void skipBlanks() {
        while (at < source.length() && Text.isBlank(source.charAt(at))) {
            at++;
        }
    }

    private void block(boolean statement, int begin) {
        Deque<Character> brackets = new ArrayDeque<>();
        String end = statement ? "%}" : "}}";
        while (true) {
            skipBlanks();
            if (at >= source.length()) {
                return;
            }
            if (brackets.isEmpty() && end(statement, end)) {
                tooInvolved(MAX_BLOCK_CHARS, at - begin, "characters in one block");
                return;
            }
            token(brackets);
        }
    }

    private boolean end(boolean statement, String end) {
        char c = source.charAt(at);
        int skipped = c == '-' || (c == '+' && statement) ? 1 : 0;
        if (!source.startsWith(end, at + skipped)) {
            return false;
        }
        add(statement ? Token.BLOCK_END : Token.PRINT_END, "");
        at += skipped + 2;
        close(skipped == 1 ? c : ' ', statement);
        return true;
    }

    private void token(Deque<Character> brackets) {
        Matcher matcher = FLOAT.matcher(source).region(at, source.length()).useTransparentBounds(true);
        char c = source.charAt(at);
        if (c >= '0' && c <= '9') {
            if (matcher.lookingAt()) {
                add(Token.FLOAT, Double.valueOf(matcher.group().replace("_", "")));
            } else {
                matcher.usePattern(INTEGER).lookingAt();
                add(Token.INTEGER, integer(matcher.group().replace("_", "")));
            }
            at = matcher.end();
        } else if (Character.isUnicodeIdentifierStart(source.codePointAt(at)) || c == '_') {
            name();
        } else if (c == '\'' || c == '"') {
            string(c);
        } else {
            operator(brackets);
        }
    }

    private static Object integer(String digits) {
        int radix = digits.length() < 2
                ? 10
                : switch (Character.toLowerCase(digits.charAt(1))) {
                    case 'b' -> 2;
                    case 'o' -> 8;
                    case 'x' -> 16;
                    default -> 10;
                };
        RenderBudget.checkBits(digits.length());
        return Numbers.integer(new BigInteger(radix == 10 ? digits : digits.substring(2), radix));
    }

    private void string(char quote) {
        int end = at + 1;
        while (end < source.length() && source.charAt(end) != quote) {
            end += source.charAt(end) == '\\' ? 2 : 1;
        }
        if (end >= source.length()) {
            throw fail("unexpected char '" + quote + "' at " + at);
        }
        add(Token.STRING, StringLiteral.value(source.substring(at + 1, end)));
        at = end + 1;
    }

    private void name() {
        int end = at;
        while (end < source.length()
                && (Character.isUnicodeIdentifierPart(source.codePointAt(end)) || source.charAt(end) == '_')
                && !Character.isIdentifierIgnorable(source.codePointAt(end))) {
            end += Character.charCount(source.codePointAt(end));
        }
        add(Token.NAME, source.substring(at, end));
        at = end;
    }

    private void operator(Deque<Character> brackets) {
        for (String operator : OPERATORS) {
            if (source.startsWith(operator, at)) {
                switch (operator) {
                    case "(" -> brackets.push(')');
                    case "[" -> brackets.push(']');
                    case "{" -> brackets.push('}');
                    case ")", "]", "}" -> {
                        if (brackets.isEmpty() || brackets.pop() != operator.charAt(0)) {
                            throw fail("unexpected '" + operator + "'");
                        }
                    }
                    default -> {}
                }
                tooInvolved(MAX_BRACKETS, brackets.size(), "brackets within brackets");
                add(operator, operator);
                at += operator.length();
                return;
            }
        }
        throw fail("unexpected char '" + Character.toString(source.codePointAt(at)) + "' at " + at);
    }

    private static void tooInvolved(int most, int found, String what) {
        if (found > most) {
            throw new RenderBudget.Exceeded(
                    "chat template is too involved: " + found + " " + what + " (at most " + most + ")");
        }
    }

    private void add(String type, Object value) {
        tokens.add(new Token(type, value, line()));
    }

    private int line() {
        for (; counted < at; counted++) {
            line += source.charAt(counted) == '\n' ? 1 : 0;
        }
        return line;
    }

    private TemplateError fail(String message) {
        return new TemplateError(message + " (line " + line() + ")");
    }

    /**
     * A token of a template.
     *
     * @param type kind of the token; an operator's type is its text
     * @param value name, text of a string or of template data, or number (Long, BigInteger, Double)
     * @param line line in which it begins, from 1
     */
    record Token(String type, Object value, int line) {
        static final String DATA = "data";
        static final String NAME = "name";
        static final String STRING = "string";
        static final String INTEGER = "integer";
        static final String FLOAT = "float";
        static final String BLOCK_BEGIN = "begin of block";
        static final String BLOCK_END = "end of block";
        static final String PRINT_BEGIN = "begin of print statement";
        static final String PRINT_END = "end of print statement";
        static final String END = "end of template";

        boolean is(String wanted) {
            return type.equals(wanted);
        }

        boolean isName(String wanted) {
            return type.equals(NAME) && value.equals(wanted);
        }

        /** Returns the token as error messages show it. */
        String shown() {
            return type.equals(NAME) || type.equals(STRING) || type.equals(INTEGER) || type.equals(FLOAT)
                    ? "'" + value + "'"
                    : "'" + type + "'";
        }
    }

    /** Decodes string literals: the escapes of Python's codec {@code unicode-escape}, which Jinja2 uses. */
    private static final class StringLiteral {
        private final String ascii;
        private final StringBuilder value = new StringBuilder();
        private int at;

        private StringLiteral(String ascii) {
            this.ascii = ascii;
        }

        static String value(String literal) {
            if (literal.indexOf('\\') < 0) {
                return literal;
            }
            // As in Jinja2: other characters become escapes first, which matters where a backslash precedes one.
            StringBuilder ascii = new StringBuilder();
            literal.codePoints().forEach(c -> {
                if (c < 0x80) {
                    ascii.append((char) c);
                } else {
                    ascii.append(String.format(c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c));
                }
            });
            return new StringLiteral(ascii.toString()).decode();
        }

        private String decode() {
            while (at < ascii.length()) {
                char c = ascii.charAt(at++);
                if (c != '\\') {
                    value.append(c);
                } else if (at == ascii.length()) {
                    throw new TemplateError("\\ at end of string");
                } else {
                    escape(ascii.charAt(at++));
                }
            }
            return value.toString();
        }

        private void escape(char c) {
            switch (c) {
                case '\n' -> {}
                case '\\', '\'', '"' -> value.append(c);
                case 'a' -> value.append('\u0007');
                case 'b' -> value.append('\b');
                case 'f' -> value.append('\f');
                case 'n' -> value.append('\n');
                case 'r' -> value.append('\r');
                case 't' -> value.append('\t');
                case 'v' -> value.append('\u000b');
                case 'x' -> hex(2);
                case 'u' -> hex(4);
                case 'U' -> hex(8);
                case 'N' -> named();
                default -> {
                    if (c >= '0' && c <= '7') {
                        octal(c);
                    } else {
                        value.append('\\').append(c);
                    }
                }
            }
        }

        private void octal(char first) {
            int code = first - '0';
            for (int i = 0; i < 2 && at < ascii.length() && ascii.charAt(at) >= '0' && ascii.charAt(at) <= '7'; i++) {
                code = code * 8 + ascii.charAt(at++) - '0';
            }
            value.append((char) code);
        }

        private void hex(int digits) {
            String text = ascii.substring(at, Math.min(at + digits, ascii.length()));
            if (!text.matches("[0-9a-fA-F]{" + digits + "}")) {
                throw new TemplateError("truncated escape in a string");
            }
            long code = Long.parseLong(text, 16);
            if (code > Character.MAX_CODE_POINT) {
                throw new TemplateError("illegal Unicode character in a string");
            }
            value.appendCodePoint((int) code);
            at += digits;
        }

        private void named() {
            int end = ascii.indexOf('}', at);
            try {
                if (at >= ascii.length() || ascii.charAt(at) != '{' || end < 0) {
                    throw new IllegalArgumentException();
                }
                value.appendCodePoint(Character.codePointOf(ascii.substring(at + 1, end)));
                at = end + 1;
            } catch (IllegalArgumentException unknown) {
                throw new TemplateError("unknown Unicode character name in a string");
            }
        }
    }
}
