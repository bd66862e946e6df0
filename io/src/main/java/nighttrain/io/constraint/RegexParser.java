package nighttrain.io.constraint;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import nighttrain.io.UserError;

/**
 * Parses regular expressions in the common syntax of Java and ECMAScript, which {@code --regex} and JSON Schema's {@code pattern} use. Where the two
 * match different characters ({@code . \s \S}), only those that both match are allowed. Constructs that no automaton can match (look-around, back
 * references) and those with a meaning in only one of the languages are refused by name.
 */
final class RegexParser {
    private static final int MAX_CHARS = 10_000;
    private static final int MAX_DEPTH = 100;
    private static final int MAX_REPETITIONS = 10_000;

    private static final CodePoints DIGIT = CodePoints.of('0', '9');
    private static final CodePoints WORD = CodePoints.of('0', '9', 'A', 'Z', 'a', 'z', '_', '_');
    private static final CodePoints SPACE = CodePoints.in("\t\n\u000B\f\r ");
    /** White space as ECMAScript defines it. */
    private static final CodePoints WIDE_SPACE = SPACE.or(CodePoints.of(
            0xA0, 0xA0, 0x1680, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x202F, 0x205F, 0x205F, 0x3000, 0x3000,
            0xFEFF, 0xFEFF));

    private static final CodePoints DOT =
            CodePoints.in("\n\r\u0085\u2028\u2029").complement();

    private static final Map<String, CodePoints> PROPERTIES = new ConcurrentHashMap<>();

    private final String source;
    private final int[] chars;
    private final String what;
    private int at;
    private int depth;

    private RegexParser(String source, String what) {
        this.source = source;
        this.what = what;
        this.chars = source.codePoints().toArray();
    }

    /**
     * Parses {@code source}; errors call it {@code what}.
     *
     * @throws UserError where it is not a regular expression, or no automaton can match it
     */
    static Regex parse(String source, String what) {
        RegexParser parser = new RegexParser(source, what);
        if (parser.chars.length > MAX_CHARS) {
            throw UserError.of(
                    what + " too long",
                    parser.chars.length + " characters",
                    "at most " + MAX_CHARS + "; use a shorter one");
        }
        Regex regex = parser.either();
        if (parser.at < parser.chars.length) {
            throw parser.bad("a ) that closes nothing", "escape it as \\)");
        }
        return regex;
    }

    /** Parses an expression written in this package. */
    static Regex parse(String source) {
        return parse(source, "regular expression");
    }

    private UserError bad(String reason, String wayOut) {
        return UserError.of("bad " + what, source, reason + " at character " + (at + 1) + "; use " + wayOut, null);
    }

    private UserError unsupported(String construct) {
        return UserError.of(
                "unsupported " + what,
                source,
                construct + " at character " + (at + 1)
                        + " cannot be matched by an automaton of tokens; use a regular expression without it");
    }

    private int peek() {
        return at < chars.length ? chars[at] : -1;
    }

    private boolean looksAt(String text) {
        return source.startsWith(text, source.offsetByCodePoints(0, at));
    }

    private Regex either() {
        if (++depth > MAX_DEPTH) {
            throw bad("more than " + MAX_DEPTH + " groups in one another", "fewer");
        }
        List<Regex> cases = new ArrayList<>();
        cases.add(sequence());
        while (peek() == '|') {
            at++;
            cases.add(sequence());
        }
        depth--;
        return cases.size() == 1 ? cases.get(0) : new Regex.Either(cases);
    }

    private Regex sequence() {
        List<Regex> parts = new ArrayList<>();
        while (peek() != -1 && peek() != '|' && peek() != ')') {
            parts.add(repeated(one()));
        }
        return new Regex.Sequence(parts);
    }

    private Regex repeated(Regex part) {
        int begin = at;
        int least;
        int most;
        switch (peek()) {
            case '*' -> {
                least = 0;
                most = Regex.UNBOUNDED;
                at++;
            }
            case '+' -> {
                least = 1;
                most = Regex.UNBOUNDED;
                at++;
            }
            case '?' -> {
                least = 0;
                most = 1;
                at++;
            }
            case '{' -> {
                at++;
                least = number();
                most = least;
                if (peek() == ',') {
                    at++;
                    most = peek() == '}' ? Regex.UNBOUNDED : number();
                }
                if (peek() != '}' || (most != Regex.UNBOUNDED && most < least)) {
                    at = begin;
                    throw bad("a repetition that is none", "{2}, {2,} or {2,3}, or \\{ for the character");
                }
                at++;
            }
            default -> {
                return part;
            }
        }
        if (peek() == '?') {
            at++; // a lazy repetition matches the same texts
        } else if (peek() == '+') {
            throw unsupported("a possessive repetition");
        } else if (peek() == '*' || peek() == '{') {
            throw bad("a repetition of a repetition", "brackets around the first");
        }
        if (part instanceof Regex.Anchor) {
            at = begin;
            throw bad("a repeated anchor", "it once");
        }
        return new Regex.Repeat(part, least, most);
    }

    private int number() {
        int begin = at;
        int number = 0;
        while (peek() >= '0' && peek() <= '9') {
            number = Math.min(MAX_REPETITIONS + 1, number * 10 + chars[at++] - '0');
        }
        if (number > MAX_REPETITIONS) {
            at = begin;
            throw bad("more than " + MAX_REPETITIONS + " repetitions", "fewer");
        }
        if (at == begin) {
            throw bad("a repetition without a number", "{2}, {2,} or {2,3}, or \\{ for the character");
        }
        return number;
    }

    @SuppressWarnings("StatementSwitchToExpressionSwitch") // cases consume characters before they return
    private Regex one() {
        int c = chars[at];
        switch (c) {
            case '(':
                return group();
            case '[':
                return new Regex.One(set());
            case '.':
                at++;
                return new Regex.One(DOT);
            case '^':
                at++;
                return new Regex.Anchor(Regex.BEGIN);
            case '$':
                at++;
                return new Regex.Anchor(Regex.END);
            case '\\':
                return new Regex.One(escape(false));
            case '*', '+', '?', '{':
                throw bad("a repetition of nothing", "\\" + Character.toString(c) + " for the character");
            default:
                at++;
                return new Regex.One(CodePoints.of(c, c));
        }
    }

    private Regex group() {
        if (looksAt("(?=") || looksAt("(?!")) {
            throw unsupported("look-ahead");
        }
        if (looksAt("(?<=") || looksAt("(?<!")) {
            throw unsupported("look-behind");
        }
        if (looksAt("(?>")) {
            throw unsupported("an atomic group");
        }
        if (looksAt("(?:")) {
            at += 3;
        } else if (looksAt("(?<")) {
            while (peek() != -1 && peek() != '>') {
                at++;
            }
            at++;
        } else if (looksAt("(?")) {
            throw unsupported("a flag");
        } else {
            at++;
        }
        Regex inner = either();
        if (peek() != ')') {
            throw bad("a group that does not end", ") where it ends, or \\( for the character");
        }
        at++;
        // Wraps the group, so that a repetition after it applies to all of it.
        return new Regex.Sequence(List.of(inner));
    }

    private CodePoints set() {
        int begin = at++;
        boolean negated = peek() == '^';
        if (negated) {
            at++;
        }
        CodePoints set = CodePoints.NONE;
        while (peek() != ']') {
            if (peek() == -1) {
                at = begin;
                throw bad("a set that does not end", "] where it ends, or \\[ for the character");
            }
            int from = at;
            CodePoints member = member(negated);
            if (peek() == '-' && at + 1 < chars.length && chars[at + 1] != ']') {
                at++;
                CodePoints last = member(negated);
                if (!isOne(member) || !isOne(last) || first(member) > first(last)) {
                    at = from;
                    throw bad("a range that is none", "the smaller character first, or \\- for the character");
                }
                member = CodePoints.of(first(member), first(last));
            }
            set = set.or(member);
        }
        if (at == begin + 1 || (negated && at == begin + 2)) {
            throw bad("an empty set", "\\] for the character"); // Java takes ] as its first member here
        }
        at++;
        return negated ? set.complement() : set;
    }

    private static boolean isOne(CodePoints set) {
        return set.ranges().size() == 1
                && set.ranges().get(0).first() == set.ranges().get(0).last();
    }

    private static int first(CodePoints one) {
        return one.ranges().get(0).first();
    }

    private CodePoints member(boolean negated) {
        int c = peek();
        if (c == '\\') {
            return escape(negated);
        }
        if (c == '[' || looksAt("&&")) {
            throw bad("a set in a set", "\\" + Character.toString(c) + " for the character");
        }
        at++;
        return CodePoints.of(c, c);
    }

    /**
     * Parses an escape. In a negated set, a class on which the two languages disagree takes its larger form, so that only characters that both match
     * remain.
     */
    @SuppressWarnings("StatementSwitchToExpressionSwitch") // cases consume characters before they return
    private CodePoints escape(boolean negated) {
        int begin = at++;
        int c = peek();
        at++;
        switch (c) {
            case 'd':
                return DIGIT;
            case 'D':
                return DIGIT.complement();
            case 'w':
                return WORD;
            case 'W':
                return WORD.complement();
            case 's':
                return negated ? WIDE_SPACE : SPACE;
            case 'S':
                return (negated ? SPACE : WIDE_SPACE).complement();
            case 'p', 'P':
                return property(c == 'P', begin);
            case 't':
                return CodePoints.in("\t");
            case 'n':
                return CodePoints.in("\n");
            case 'r':
                return CodePoints.in("\r");
            case 'f':
                return CodePoints.in("\f");
            case 'x':
                return hex(2, begin);
            case 'u':
                return hex(4, begin);
            case 'b', 'B':
                at = begin;
                throw unsupported("a word boundary");
            case 'k':
                at = begin;
                throw unsupported("a back reference");
            default:
                if (c >= '1' && c <= '9') {
                    at = begin;
                    throw unsupported("a back reference");
                }
                if (c == -1 || (c < 0x80 && Character.isLetterOrDigit(c))) {
                    at = begin;
                    throw bad(
                            "an unknown escape",
                            "\\d \\w \\s \\t \\n \\r \\f \\xHH \\uHHHH \\p{L} or \\ before a sign");
                }
                return CodePoints.of(c, c);
        }
    }

    private int hexDigits(int digits, int begin) {
        int value = 0;
        for (int i = 0; i < digits; i++) {
            int digit = peek() == -1 ? -1 : Character.digit(peek(), 16);
            if (digit < 0) {
                at = begin;
                throw bad("an escape without its " + digits + " digits", "\\x41 or \\u0041");
            }
            value = value * 16 + digit;
            at++;
        }
        return value;
    }

    private CodePoints hex(int digits, int begin) {
        int value = hexDigits(digits, begin);
        if (Character.isHighSurrogate((char) value) && looksAt("\\u")) {
            at += 2;
            int low = hexDigits(4, begin);
            if (Character.isLowSurrogate((char) low)) {
                int whole = Character.toCodePoint((char) value, (char) low);
                return CodePoints.of(whole, whole);
            }
        }
        if (value >= 0xD800 && value <= 0xDFFF) {
            at = begin;
            throw bad("half of a surrogate pair", "the whole character");
        }
        return CodePoints.of(value, value);
    }

    private CodePoints property(boolean not, int begin) {
        int end = at;
        if (peek() == '{') {
            while (end < chars.length && chars[end] != '}') {
                end++;
            }
        }
        if (end >= chars.length || peek() != '{') {
            at = begin;
            throw bad("a property without a name", "\\p{L}");
        }
        String name = new String(chars, at + 1, end - at - 1);
        at = end + 1;
        CodePoints set;
        try {
            set = PROPERTIES.computeIfAbsent(name, RegexParser::property);
        } catch (PatternSyntaxException e) {
            at = begin;
            throw bad("an unknown property", "one such as \\p{L}, \\p{Lu}, \\p{N} or \\p{IsGreek}");
        }
        return not ? set.complement() : set;
    }

    private static CodePoints property(String name) {
        Pattern pattern = Pattern.compile("\\p{" + name + "}");
        return CodePoints.where(c -> pattern.matcher(Character.toString(c)).matches());
    }
}
