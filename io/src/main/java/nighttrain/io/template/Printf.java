package nighttrain.io.template;

import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import nighttrain.io.template.Comparisons.Dict;
import nighttrain.io.template.Values.Markup;
import nighttrain.io.template.Values.Undefined;

/** {@code text % values}. */
final class Printf {
    private final String format;
    private final Object model;
    private final Object values;
    private final StringBuilder out = new StringBuilder();
    private int at;
    private int used;

    private Printf(Object format, Object values) {
        this.format = Text.of(format);
        this.model = format;
        this.values = values;
    }

    /** Formats {@code format % values}. Markup gives markup and escapes its values. */
    static Object format(Object format, Object values) {
        return Text.like(format, new Printf(format, values).format());
    }

    private String format() {
        while (at < format.length()) {
            char c = format.charAt(at++);
            if (c == '%') {
                directive();
            } else {
                out.append(c);
            }
            if (out.length() > RenderBudget.MAX_CHARS) {
                RenderBudget.checkChars(out.length());
            }
        }
        RenderBudget.checkChars(out.length());
        // A mapping, as which Python also accepts a list, may have unused values.
        boolean mapping = values instanceof Map
                || values instanceof List
                || values instanceof Undefined
                || values instanceof Values.Range;
        boolean unused = Python.isTuple(values) ? used < Python.tuple(values).size() : used == 0 && !mapping;
        if (unused) {
            throw new TemplateError("not all arguments converted during string formatting");
        }
        return out.toString();
    }

    private char next() {
        if (at == format.length()) {
            throw new TemplateError("incomplete format");
        }
        return format.charAt(at++);
    }

    private void directive() {
        char c = next();
        Object keyed = Scope.MISSING;
        if (c == '(') {
            keyed = byKey();
            c = next();
        }
        StringBuilder flags = new StringBuilder();
        while ("-+ #0".indexOf(c) >= 0) {
            flags.append(c);
            c = next();
        }
        int[] width = {0};
        c = number(c, width);
        boolean left = flags.indexOf("-") >= 0 || width[0] < 0;
        int[] precision = {-1};
        if (c == '.') {
            precision[0] = 0;
            c = number(next(), precision);
            precision[0] = Math.max(0, precision[0]);
        }
        if (c == 'h' || c == 'l' || c == 'L') {
            c = next();
        }
        if (c == '%') {
            out.append('%');
            return;
        }
        Object value = keyed == Scope.MISSING ? take() : keyed;
        out.append(field(c, value, flags.toString(), left, Math.abs(width[0]), precision[0]));
    }

    private Object byKey() {
        if (!(values instanceof Map<?, ?> map)) {
            throw new TemplateError("format requires a mapping");
        }
        int depth = 1;
        int begin = at;
        while (depth > 0) {
            char c = next();
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        }
        Object value = Dict.get(map, format.substring(begin, at - 1));
        if (value == Scope.MISSING) {
            throw new TemplateError("KeyError: " + Python.repr(format.substring(begin, at - 1)));
        }
        used = 1;
        return value;
    }

    /** Reads a width or precision from {@code first} on; returns the character after it. */
    private char number(char first, int[] into) {
        char c = first;
        if (c == '*') {
            Object value = take();
            if (!Numbers.isInteger(value)) {
                throw new TemplateError("* wants int");
            }
            into[0] = Numbers.index(value, "*");
            return next();
        }
        while (c >= '0' && c <= '9') {
            into[0] = into[0] * 10 + c - '0';
            RenderBudget.checkChars(into[0]);
            c = next();
        }
        return c;
    }

    private Object take() {
        if (Python.isTuple(values)) {
            List<Object> items = Python.tuple(values);
            if (used < items.size()) {
                return items.get(used++);
            }
        } else if (used++ == 0) {
            return values;
        }
        throw new TemplateError("not enough arguments for format string");
    }

    private String field(char type, Object value, String flags, boolean left, int width, int precision) {
        boolean zeros = flags.contains("0") && !left;
        switch (type) {
            case 's', 'r', 'a' -> {
                String text = type == 's' ? shown(value) : type == 'r' ? Python.repr(value) : ascii(Python.repr(value));
                if (model instanceof Markup && type != 's') {
                    text = Python.escape(text).text();
                }
                int length = Text.length(text);
                String cut = precision >= 0 && precision < length
                        ? text.substring(0, Text.offset(text, precision, length))
                        : text;
                return NumberFormat.aligned(cut, width, " ", left ? '<' : '>');
            }
            case 'c' -> {
                return NumberFormat.aligned(character(value), width, " ", left ? '<' : '>');
            }
            case 'd', 'i', 'u', 'o', 'x', 'X' -> {
                BigInteger number = integer(value, type);
                String digits = precision(radix(number.abs(), type), precision);
                String prefix = flags.contains("#") && "oxX".indexOf(type) >= 0 ? "0" + type : "";
                return signed(number.signum() < 0, prefix, digits, flags, left, zeros, width);
            }
            case 'e', 'E', 'f', 'F', 'g', 'G' -> {
                double number = real(value);
                String digits = NumberFormat.digits(number, type, precision < 0 ? 6 : precision, flags.contains("#"));
                boolean negative = number < 0 || (number == 0 && 1 / number < 0);
                return signed(negative, "", digits, flags, left, zeros, width);
            }
            default -> throw new TemplateError("unsupported format character '" + type + "'");
        }
    }

    private String shown(Object value) {
        return model instanceof Markup ? Python.escape(value).text() : Python.str(value);
    }

    static String ascii(String text) {
        StringBuilder ascii = new StringBuilder();
        text.codePoints().forEach(c -> {
            if (c < 0x80) {
                ascii.append((char) c);
            } else {
                ascii.append(String.format(c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c));
            }
        });
        return ascii.toString();
    }

    @SuppressWarnings("OrphanedFormatString") // Python's own messages name the conversion
    private static String character(Object value) {
        if (Numbers.isInteger(value)) {
            int c = Numbers.index(value, "%c");
            if (c < 0 || c > Character.MAX_CODE_POINT) {
                throw new TemplateError("%c arg not in range(0x110000)");
            }
            return Character.toString(c);
        }
        if (!Text.is(value) || Text.length(Text.of(value)) != 1) {
            throw new TemplateError("%c requires int or char");
        }
        return Text.of(value);
    }

    private static BigInteger integer(Object value, char type) {
        if (value instanceof Double number && "diu".indexOf(type) >= 0) {
            return Numbers.big(Numbers.truncate(number));
        }
        if (!Numbers.isInteger(value)) {
            throw new TemplateError("%" + type + " format: a number is required, not " + Values.type(value));
        }
        return Numbers.big(value);
    }

    private static double real(Object value) {
        if (!Numbers.is(value)) {
            throw value instanceof Undefined undefined
                    ? undefined.failure()
                    : new TemplateError("must be real number, not " + Values.type(value));
        }
        return Numbers.real(value);
    }

    private static String radix(BigInteger number, char type) {
        return switch (type) {
            case 'o' -> number.toString(8);
            case 'x' -> number.toString(16);
            case 'X' -> number.toString(16).toUpperCase(Locale.ROOT);
            default -> Numbers.decimal(number);
        };
    }

    private static String precision(String digits, int precision) {
        return precision > digits.length() ? Text.repeat("0", precision - digits.length()) + digits : digits;
    }

    private static String signed(
            boolean negative, String prefix, String digits, String flags, boolean left, boolean zeros, int width) {
        String sign = (negative ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : "") + prefix;
        return zeros
                ? NumberFormat.zeroFilled(sign, digits, width)
                : NumberFormat.aligned(sign + digits, width, " ", left ? '<' : '>');
    }
}
