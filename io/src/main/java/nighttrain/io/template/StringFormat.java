package nighttrain.io.template;

import java.math.BigInteger;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.io.template.Values.Markup;

/** {@code text.format(...)} and {@code text.format_map(...)}. */
final class StringFormat {
    static final Set<String> METHODS = Set.of("format", "format_map");

    private static final Pattern SPEC = Pattern.compile(
            "(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?([0-9]+)?([,_])?(?:\\.([0-9]+))?([bcdeEfFgGnosxX%])?",
            Pattern.DOTALL);
    private static final int MAX_NESTING = 2;

    private final Object model;
    private final Arguments arguments;
    private final BiFunction<Object, String, Object> attribute;
    private final BiFunction<Object, Object, Object> item;
    private int automatic;
    private boolean manual;

    private StringFormat(
            Object model,
            Arguments arguments,
            BiFunction<Object, String, Object> attribute,
            BiFunction<Object, Object, Object> item) {
        this.model = model;
        this.arguments = arguments;
        this.attribute = attribute;
        this.item = item;
    }

    /** Calls one of {@link #METHODS}; {@code attribute} and {@code item} evaluate {@code value.name} and {@code value[key]}. */
    static Object format(
            Object format,
            String method,
            Arguments arguments,
            BiFunction<Object, String, Object> attribute,
            BiFunction<Object, Object, Object> item) {
        Arguments values = method.equals("format") ? arguments : ofMap(arguments);
        return Text.like(
                format, new StringFormat(format, values, attribute, item).format(Text.of(format), MAX_NESTING));
    }

    private static Arguments ofMap(Arguments arguments) {
        Object map = arguments.positions("format_map", 1, 1)[0];
        if (!(map instanceof Map<?, ?> values)) {
            throw new TemplateError("format_map() argument must be a mapping");
        }
        Map<String, Object> named = new HashMap<>();
        values.forEach((key, value) -> named.put(Python.str(key), value));
        return new Arguments(List.of(), named);
    }

    private String format(String format, int depth) {
        if (depth < 0) {
            throw new TemplateError("Max string recursion exceeded");
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            boolean doubled = i + 1 < format.length() && format.charAt(i + 1) == c;
            if (c == '}' && !doubled) {
                throw new TemplateError("Single '}' encountered in format string");
            }
            if ((c != '{' && c != '}') || doubled) {
                out.append(c);
                i += c == '{' || c == '}' ? 1 : 0;
            } else {
                int end = end(format, i);
                out.append(field(format.substring(i + 1, end), depth));
                i = end;
            }
            if (out.length() > RenderBudget.MAX_CHARS) {
                RenderBudget.checkChars(out.length());
            }
        }
        RenderBudget.checkChars(out.length());
        return out.toString();
    }

    private static int end(String format, int open) {
        int depth = 0;
        for (int i = open; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c == '[' && depth == 1) {
                // braces within an index belong to it
                int close = format.indexOf(']', i);
                int brace = format.indexOf(':', open);
                if (close > 0 && (brace < 0 || brace > i)) {
                    i = close;
                    continue;
                }
            }
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        throw new TemplateError("expected '}' before end of string");
    }

    private String field(String field, int depth) {
        int colon = separator(field, ':');
        int bang = separator(field.substring(0, colon), '!');
        // The value is evaluated first: fields without a number are numbered in this order.
        Object value = value(field.substring(0, bang));
        String spec = colon == field.length() ? "" : format(field.substring(colon + 1), depth - 1);
        String conversion = field.substring(Math.min(bang + 1, colon), colon);
        if (bang < colon) {
            value = switch (conversion) {
                case "s" -> Python.str(value);
                case "r" -> Python.repr(value);
                case "a" -> Printf.ascii(Python.repr(value));
                default -> throw new TemplateError("Unknown conversion specifier '" + conversion + "'");
            };
        }
        if (model instanceof Markup) {
            return value instanceof Markup markup && spec.isEmpty()
                    ? markup.text()
                    : Python.escape(formatted(value, spec)).text();
        }
        return formatted(value, spec);
    }

    private static int separator(String field, char wanted) {
        for (int i = 0; i < field.length(); i++) {
            if (field.charAt(i) == '[') {
                int close = field.indexOf(']', i);
                i = close < 0 ? i : close;
            } else if (field.charAt(i) == wanted) {
                return i;
            }
        }
        return field.length();
    }

    private Object value(String name) {
        Matcher first = Pattern.compile("[^.\\[]*").matcher(name);
        first.lookingAt();
        Object value = first(first.group());
        int at = first.end();
        while (at < name.length()) {
            boolean named = name.charAt(at) == '.';
            int end = named ? at + 1 : name.indexOf(']', at);
            while (named && end < name.length() && name.charAt(end) != '.' && name.charAt(end) != '[') {
                end++;
            }
            String key = end < 0 ? "" : name.substring(at + 1, end);
            if (key.isEmpty() || (!named && name.charAt(at) != '[')) {
                throw new TemplateError("Empty attribute in format string");
            }
            value = named
                    ? attribute.apply(value, key)
                    : item.apply(value, key.matches("[0-9]{1,18}") ? (Object) Long.valueOf(key) : key);
            at = named ? end : end + 1;
        }
        return value;
    }

    private Object first(String name) {
        boolean number = name.matches("[0-9]{1,9}");
        if (number || name.isEmpty()) {
            if ((number && automatic > 0) || (name.isEmpty() && manual)) {
                throw new TemplateError(
                        "cannot switch between automatic field numbering and manual field specification");
            }
            manual |= number;
            int index = number ? Integer.parseInt(name) : automatic++;
            if (index >= arguments.positional().size()) {
                throw new TemplateError("Replacement index " + index + " out of range for positional args tuple");
            }
            return arguments.positional().get(index);
        }
        if (!arguments.named().containsKey(name)) {
            throw new TemplateError("KeyError: " + Python.repr(name));
        }
        return arguments.named().get(name);
    }

    /** {@code format(value, spec)}. */
    static String formatted(Object value, String spec) {
        if (spec.isEmpty()) {
            return Python.str(value);
        }
        Matcher parts = SPEC.matcher(spec);
        boolean formats = Text.is(value) || Numbers.is(value);
        if (!formats || !parts.matches()) {
            throw new TemplateError(
                    formats
                            ? "Invalid format specifier '" + spec + "'"
                            : "unsupported format string passed to " + Values.type(value) + ".__format__");
        }
        return Text.is(value) ? text(Text.of(value), parts) : number(value, parts);
    }

    private static int width(Matcher parts, int group) {
        String digits = parts.group(group);
        if (digits == null) {
            return group == 9 ? -1 : 0;
        }
        RenderBudget.checkChars(digits.length() > 9 ? Long.MAX_VALUE : Long.parseLong(digits));
        return Integer.parseInt(digits);
    }

    private static String text(String text, Matcher parts) {
        String type = parts.group(10);
        boolean numeric =
                parts.group(3) != null || parts.group(4) != null || parts.group(5) != null || parts.group(8) != null;
        boolean padsInside = "=".equals(parts.group(2));
        if ((type != null && !type.equals("s")) || numeric || padsInside) {
            throw new TemplateError("Unknown or not allowed part of a format specifier of a text: " + parts.group());
        }
        int length = Text.length(text);
        int precision = width(parts, 9);
        String cut =
                precision >= 0 && precision < length ? text.substring(0, Text.offset(text, precision, length)) : text;
        String zero = parts.group(6) == null ? " " : "0";
        String fill = parts.group(1) == null ? zero : parts.group(1);
        return NumberFormat.aligned(
                cut,
                width(parts, 7),
                fill,
                parts.group(2) == null ? '<' : parts.group(2).charAt(0));
    }

    private static String number(Object value, Matcher parts) {
        String type = parts.group(10) == null ? "" : parts.group(10);
        if (value instanceof Boolean
                && type.isEmpty()
                && parts.group(7) == null
                && parts.group().isEmpty()) {
            return Python.str(value);
        }
        boolean integer = Numbers.isInteger(value) && ("bcdnoxX".contains(type) || type.isEmpty());
        String digits;
        boolean negative;
        String prefix = "";
        if (integer) {
            BigInteger number = Numbers.big(value);
            negative = number.signum() < 0;
            boolean ofCharacter = parts.group(3) != null || parts.group(5) != null || parts.group(8) != null;
            if (width(parts, 9) >= 0 || parts.group(4) != null || (type.equals("c") && ofCharacter)) {
                throw new TemplateError("Not allowed in an integer format specifier: " + parts.group());
            }
            digits = type.equals("c") ? Printf.format("%c", value).toString() : radix(number.abs(), type);
            prefix = parts.group(5) != null && "boxX".contains(type) && !type.isEmpty() ? "0" + type : "";
        } else {
            if ("bcdoxXs".contains(type) && !type.isEmpty()) {
                throw new TemplateError(
                        "Unknown format code '" + type + "' for object of type '" + Values.type(value) + "'");
            }
            if (type.isEmpty() && parts.group(5) != null) {
                throw new TemplateError("Alternate form (#) of a float: " + parts.group() + " (it needs a type)");
            }
            double number = Numbers.real(value);
            digits = real(number, type, width(parts, 9), parts.group(5) != null);
            negative = number < 0 || (number == 0 && 1 / number < 0);
            if (parts.group(4) != null && negative && digits.matches("[0.]*([eE].*)?%?")) {
                negative = false;
            }
        }
        return padded(negative, prefix, grouped(digits, parts.group(8), type), parts);
    }

    private static String radix(BigInteger number, String type) {
        return switch (type) {
            case "b" -> number.toString(2);
            case "o" -> number.toString(8);
            case "x" -> number.toString(16);
            case "X" -> number.toString(16).toUpperCase(Locale.ROOT);
            default -> Numbers.decimal(number);
        };
    }

    private static String real(double number, String type, int precision, boolean alternate) {
        if (type.isEmpty()) {
            if (precision < 0) {
                return Numbers.repr(Math.abs(number));
            }
            String general = NumberFormat.digits(number, 'g', precision, alternate);
            // As in Python: with a digit after the point, unless there is an exponent.
            boolean plain = Double.isFinite(number) && general.indexOf('e') < 0 && general.indexOf('.') < 0;
            int digits = general.length();
            return plain && digits >= Math.max(1, precision)
                    ? NumberFormat.digits(number, 'e', Math.max(0, precision - 1), alternate)
                            .replaceFirst("(\\.[0-9]*?)0+e", "$1e")
                            .replace(".e", "e")
                    : plain ? general + ".0" : general;
        }
        int places = precision < 0 ? 6 : precision;
        return switch (type) {
            case "%" -> NumberFormat.digits(number * 100, 'f', places, alternate) + "%";
            case "n" -> NumberFormat.digits(number, 'g', places, alternate);
            default -> NumberFormat.digits(number, type.charAt(0), places, alternate);
        };
    }

    private static String grouped(String digits, String separator, String type) {
        if (separator == null) {
            return digits;
        }
        if ((separator.equals(",") && "bcnoxX".contains(type) && !type.isEmpty())
                || ("cn".contains(type) && !type.isEmpty())) {
            throw new TemplateError("Cannot specify '" + separator + "' with '" + type + "'.");
        }
        int size = groupSize(type);
        int end = wholeEnd(digits, size);
        StringBuilder grouped = new StringBuilder();
        for (int i = 0; i < end; i++) {
            grouped.append(i > 0 && (end - i) % size == 0 ? separator : "").append(digits.charAt(i));
        }
        return grouped.append(digits, end, digits.length()).toString();
    }

    private static String padded(boolean negative, String prefix, String digits, Matcher parts) {
        String sign = negative ? "-" : parts.group(3) == null || parts.group(3).equals("-") ? "" : parts.group(3);
        int width = width(parts, 7);
        boolean zeros = parts.group(6) != null && parts.group(2) == null;
        String fill = parts.group(1) != null ? parts.group(1) : parts.group(6) != null ? "0" : " ";
        char align = zeros ? '=' : parts.group(2) == null ? '>' : parts.group(2).charAt(0);
        if (align != '=') {
            return NumberFormat.aligned(sign + prefix + digits, width, fill, align);
        }
        int missing = width - sign.length() - prefix.length() - digits.length();
        boolean finite = Character.digit(digits.charAt(0), 16) >= 0;
        if (parts.group(8) != null && fill.equals("0") && missing > 0 && finite) {
            int room = width - sign.length() - prefix.length();
            return sign + prefix + groupedZeros(digits, room, parts.group(8), parts.group(10));
        }
        return sign + prefix + Text.repeat(fill, missing) + digits;
    }

    // Zeros that fill a field are grouped with the digits; the field never begins with a separator.
    private static String groupedZeros(String digits, int width, String separator, String type) {
        String kind = type == null ? "" : type;
        int size = groupSize(kind);
        String bare = digits.replace(separator, "");
        String whole = bare.substring(0, wholeEnd(bare, size));
        String tail = bare.substring(whole.length());
        int room = width - tail.length();
        // With a separator between groups of 3, n digits take n + (n - 1) / 3 characters.
        int count = Math.max(whole.length(), room);
        while (count > whole.length() && count - 1 + (count - 2) / size >= room) {
            count--;
        }
        RenderBudget.checkChars(2L * count);
        return grouped("0".repeat(count - whole.length()) + whole, separator, kind) + tail;
    }

    private static int groupSize(String type) {
        return "boxX".contains(type) && !type.isEmpty() ? 4 : 3;
    }

    /** Returns the end of the digits that are grouped: those before a point or an exponent. */
    private static int wholeEnd(String digits, int size) {
        int end = 0;
        while (end < digits.length()
                && Character.digit(digits.charAt(end), 16) >= 0
                && (size == 4 || digits.charAt(end) <= '9')) {
            end++;
        }
        return end;
    }
}
