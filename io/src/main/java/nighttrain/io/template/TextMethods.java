package nighttrain.io.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;
import nighttrain.io.template.Values.Markup;
import nighttrain.io.template.Values.Tuple;

/** Python's methods of str, except those of {@link StringFormat}. Methods of markup return markup and escape their arguments. */
final class TextMethods {
    static final Set<String> NAMES = Set.of(
            "capitalize",
            "casefold",
            "center",
            "count",
            "endswith",
            "expandtabs",
            "find",
            "index",
            "isalnum",
            "isalpha",
            "isascii",
            "isdecimal",
            "isdigit",
            "isidentifier",
            "islower",
            "isnumeric",
            "isprintable",
            "isspace",
            "istitle",
            "isupper",
            "join",
            "ljust",
            "lower",
            "lstrip",
            "partition",
            "removeprefix",
            "removesuffix",
            "replace",
            "rfind",
            "rindex",
            "rjust",
            "rpartition",
            "rsplit",
            "rstrip",
            "split",
            "splitlines",
            "startswith",
            "strip",
            "swapcase",
            "title",
            "upper",
            "zfill");

    private TextMethods() {}

    static Object call(Object self, String method, Arguments arguments) {
        String text = Text.of(self);
        return switch (method) {
            case "upper" -> mapped(self, method, arguments, Text::upper);
            case "lower" -> mapped(self, method, arguments, Text::lower);
            case "capitalize" -> mapped(self, method, arguments, Text::capitalize);
            case "title" -> mapped(self, method, arguments, Text::title);
            case "casefold" -> mapped(self, method, arguments, Text::casefold);
            case "swapcase" -> mapped(self, method, arguments, Text::swapcase);
            case "strip" -> strip(self, method, arguments, true, true);
            case "lstrip" -> strip(self, method, arguments, true, false);
            case "rstrip" -> strip(self, method, arguments, false, true);
            case "startswith" -> affixed(text, method, arguments);
            case "endswith" -> affixed(text, method, arguments);
            case "split", "rsplit" -> split(self, method, arguments);
            case "splitlines" -> {
                Object keep = arguments.bind(method, 0, "keepends")[0];
                yield all(self, Text.lines(text, keep != Scope.MISSING && Python.truth(keep)));
            }
            case "replace" -> replace(self, arguments);
            case "join" -> Text.like(self, join(self, arguments.positions(method, 1, 1)[0]));
            case "find", "rfind", "index", "rindex" -> find(text, method, arguments);
            case "count" -> count(text, arguments);
            case "partition", "rpartition" -> partition(self, method.equals("partition"), arguments);
            case "removeprefix", "removesuffix" -> removeAffix(self, method, arguments);
            case "center", "ljust", "rjust" -> pad(self, method, arguments);
            case "zfill" -> zfill(self, arguments);
            case "expandtabs" -> expandTabs(self, arguments);
            default -> predicate(text, method, arguments);
        };
    }

    private static Object mapped(Object self, String method, Arguments arguments, UnaryOperator<String> map) {
        arguments.positions(method, 0, 0);
        return Text.like(self, map.apply(Text.of(self)));
    }

    /** Returns a text argument, escaped where the method belongs to markup. */
    private static String text(Object self, Object argument, String method) {
        if (!Text.is(argument) && !(self instanceof Markup)) {
            throw new TemplateError(method + "() argument must be str, not " + Values.type(argument));
        }
        return self instanceof Markup ? Python.escape(argument).text() : Text.of(argument);
    }

    private static Object strip(Object self, String method, Arguments arguments, boolean left, boolean right) {
        Object chars = arguments.positions(method, 0, 1)[0];
        String strips = chars == Scope.MISSING || chars == null ? null : text("", chars, method);
        return Text.like(self, Text.strip(Text.of(self), strips, left, right));
    }

    private static boolean affixed(String text, String method, Arguments arguments) {
        Object[] bound = arguments.positions(method, 1, 3);
        List<Object> affixes =
                bound[0] instanceof Tuple tuple ? tuple.items() : List.of(bound[0] == null ? 0L : bound[0]);
        int[] range = range(text, bound);
        boolean found = false;
        for (Object affix : affixes) {
            String wanted = text("", affix, method);
            if (range != null) {
                String part = text.substring(range[0], range[1]);
                found |= method.equals("startswith") ? part.startsWith(wanted) : part.endsWith(wanted);
            }
        }
        return found;
    }

    /** Returns the offsets for the arguments start and end, the second and third; null where start is behind end. */
    private static int[] range(String text, Object[] bound) {
        if (bound[1] == Scope.MISSING) {
            return new int[] {0, text.length()};
        }
        int length = Text.length(text);
        int start = bound[1] == null ? 0 : Numbers.index(bound[1], "start");
        int end = bound[2] == Scope.MISSING || bound[2] == null ? length : Numbers.index(bound[2], "end");
        start = start < 0 ? Math.max(0, start + length) : start;
        end = Math.min(length, end < 0 ? Math.max(0, end + length) : end);
        return start > end ? null : new int[] {Text.offset(text, start, length), Text.offset(text, end, length)};
    }

    private static Object split(Object self, String method, Arguments arguments) {
        Object[] bound = arguments.bind(method, 0, "sep", "maxsplit");
        int most = bound[1] == Scope.MISSING ? -1 : Numbers.index(bound[1], method);
        String text = Text.of(self);
        boolean right = method.equals("rsplit");
        if (bound[0] == Scope.MISSING || bound[0] == null) {
            return all(self, right ? splitBlanksRight(text, most) : splitBlanks(text, most));
        }
        String separator = text("", bound[0], method);
        if (separator.isEmpty()) {
            throw new TemplateError("empty separator");
        }
        return all(self, right ? splitRight(text, separator, most) : split(text, separator, most));
    }

    static List<Object> split(String text, String separator, int most) {
        List<Object> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(separator);
                at >= 0 && (most < 0 || parts.size() < most);
                at = text.indexOf(separator, from)) {
            parts.add(text.substring(from, at));
            from = at + separator.length();
        }
        parts.add(text.substring(from));
        return parts;
    }

    static List<Object> splitRight(String text, String separator, int most) {
        List<Object> parts = new ArrayList<>();
        int to = text.length();
        for (int at = text.lastIndexOf(separator);
                at >= 0 && (most < 0 || parts.size() < most);
                at = to < separator.length() ? -1 : text.lastIndexOf(separator, to - separator.length())) {
            parts.add(0, text.substring(at + separator.length(), to));
            to = at;
        }
        parts.add(0, text.substring(0, to));
        return parts;
    }

    private static List<Object> splitBlanks(String text, int most) {
        List<Object> parts = new ArrayList<>();
        int i = skip(text, 0, true);
        while (i < text.length()) {
            int end = most >= 0 && parts.size() == most ? text.length() : skip(text, i, false);
            parts.add(end == text.length() ? Text.strip(text.substring(i), null, false, true) : text.substring(i, end));
            i = skip(text, end, true);
        }
        return parts;
    }

    private static int skip(String text, int from, boolean blank) {
        int i = from;
        while (i < text.length() && Text.isBlank(text.charAt(i)) == blank) {
            i++;
        }
        return i;
    }

    private static List<Object> splitBlanksRight(String text, int most) {
        List<Object> parts = new ArrayList<>();
        String rest = Text.strip(text, null, false, true);
        while (!rest.isEmpty()) {
            int begin = rest.length();
            boolean last = most >= 0 && parts.size() == most;
            while (begin > 0 && (last || !Text.isBlank(rest.charAt(begin - 1)))) {
                begin--;
            }
            parts.add(0, begin == 0 ? Text.strip(rest, null, true, false) : rest.substring(begin));
            rest = Text.strip(rest.substring(0, begin), null, false, true);
        }
        return parts;
    }

    private static List<Object> all(Object self, List<Object> parts) {
        RenderBudget.checkEntries(parts.size());
        RenderBudget.checkChars(Text.of(self).length());
        if (self instanceof Markup) {
            parts.replaceAll(part -> new Markup((String) part));
        }
        return parts;
    }

    private static Object replace(Object self, Arguments arguments) {
        Object[] bound = arguments.positions("replace", 2, 3);
        int count = bound[2] == Scope.MISSING ? -1 : Numbers.index(bound[2], "replace");
        return Text.like(
                self,
                Text.replace(Text.of(self), text("", bound[0], "replace"), text(self, bound[1], "replace"), count));
    }

    private static String join(Object separator, Object items) {
        StringBuilder joined = new StringBuilder();
        int index = 0;
        for (Iterator<Object> all = Python.iterator(items); all.hasNext(); index++) {
            RenderBudget.count();
            Object item = all.next();
            if (!Text.is(item) && !(separator instanceof Markup)) {
                throw new TemplateError(
                        "sequence item " + index + ": expected str instance, " + Values.type(item) + " found");
            }
            joined.append(index == 0 ? "" : Text.of(separator)).append(text(separator, item, "join"));
            if (joined.length() > RenderBudget.MAX_CHARS) {
                RenderBudget.checkChars(joined.length());
            }
        }
        RenderBudget.checkChars(joined.length());
        return joined.toString();
    }

    private static Object find(String text, String method, Arguments arguments) {
        Object[] bound = arguments.positions(method, 1, 3);
        String wanted = text("", bound[0], method);
        int[] range = range(text, bound);
        int at = -1;
        if (range != null) {
            String part = text.substring(range[0], range[1]);
            int found = method.startsWith("r") ? part.lastIndexOf(wanted) : part.indexOf(wanted);
            at = found < 0 ? -1 : found + range[0];
        }
        if (at < 0 && method.endsWith("index")) {
            throw new TemplateError("substring not found");
        }
        return at < 0 ? -1L : (long) text.codePointCount(0, at);
    }

    private static Object count(String text, Arguments arguments) {
        Object[] bound = arguments.positions("count", 1, 3);
        String wanted = text("", bound[0], "count");
        int[] range = range(text, bound);
        if (range == null) {
            return 0L;
        }
        String part = text.substring(range[0], range[1]);
        if (wanted.isEmpty()) {
            return Text.length(part) + 1L;
        }
        long count = 0;
        for (int at = part.indexOf(wanted); at >= 0; at = part.indexOf(wanted, at + wanted.length())) {
            count++;
        }
        return count;
    }

    private static Object partition(Object self, boolean first, Arguments arguments) {
        String method = first ? "partition" : "rpartition";
        String separator = text("", arguments.positions(method, 1, 1)[0], method);
        if (separator.isEmpty()) {
            throw new TemplateError("empty separator");
        }
        String text = Text.of(self);
        int at = first ? text.indexOf(separator) : text.lastIndexOf(separator);
        String[] parts = at >= 0
                ? new String[] {text.substring(0, at), separator, text.substring(at + separator.length())}
                : first ? new String[] {text, "", ""} : new String[] {"", "", text};
        return Tuple.of(Text.like(self, parts[0]), Text.like(self, parts[1]), Text.like(self, parts[2]));
    }

    private static Object removeAffix(Object self, String method, Arguments arguments) {
        String affix = text("", arguments.positions(method, 1, 1)[0], method);
        String text = Text.of(self);
        if (method.equals("removeprefix")) {
            return Text.like(self, text.startsWith(affix) ? text.substring(affix.length()) : text);
        }
        return Text.like(self, text.endsWith(affix) ? text.substring(0, text.length() - affix.length()) : text);
    }

    private static Object pad(Object self, String method, Arguments arguments) {
        Object[] bound = arguments.positions(method, 1, 2);
        int width = Numbers.index(bound[0], method);
        String fill = bound[1] == Scope.MISSING ? " " : text(self, bound[1], method);
        if (Text.length(fill) != 1) {
            throw new TemplateError("The fill character must be exactly one character long");
        }
        return Text.like(self, padded(Text.of(self), width, fill, method));
    }

    static String padded(String text, int width, String fill, String method) {
        int length = Text.length(text);
        int missing = Math.max(0, width - length);
        // As in CPython: where the padding is odd, the left side gets the extra character if the width is odd.
        int left = switch (method) {
            case "ljust" -> 0;
            case "rjust" -> missing;
            default -> missing / 2 + (missing & width & 1);
        };
        RenderBudget.checkChars((long) text.length() + missing);
        return fill.repeat(left) + text + fill.repeat(missing - left);
    }

    private static Object zfill(Object self, Arguments arguments) {
        int width = Numbers.index(arguments.positions("zfill", 1, 1)[0], "zfill");
        String text = Text.of(self);
        boolean signed = text.startsWith("+") || text.startsWith("-");
        String zeros = Text.repeat("0", width - Text.length(text));
        return Text.like(self, signed ? text.charAt(0) + zeros + text.substring(1) : zeros + text);
    }

    private static Object expandTabs(Object self, Arguments arguments) {
        Object size = arguments.bind("expandtabs", 0, "tabsize")[0];
        int width = size == Scope.MISSING ? 8 : Numbers.index(size, "expandtabs");
        StringBuilder expanded = new StringBuilder();
        int[] column = {0};
        Text.of(self).codePoints().forEach(c -> {
            if (c == '\t') {
                int spaces = width <= 0 ? 0 : width - column[0] % width;
                RenderBudget.checkChars((long) expanded.length() + spaces);
                expanded.append(" ".repeat(spaces));
                column[0] += spaces;
            } else {
                expanded.appendCodePoint(c);
                column[0] = c == '\n' || c == '\r' ? 0 : column[0] + 1;
            }
        });
        return Text.like(self, expanded.toString());
    }

    private static boolean predicate(String text, String method, Arguments arguments) {
        arguments.positions(method, 0, 0);
        return switch (method) {
            case "isupper" -> Text.isUpper(text);
            case "islower" -> Text.isLower(text);
            case "istitle" -> Text.isTitle(text);
            case "isascii" -> text.codePoints().allMatch(c -> c < 0x80);
            case "isprintable" -> text.codePoints().allMatch(Text::isPrintable);
            case "isspace" -> every(text, Text::isBlank);
            case "isalpha" -> every(text, Character::isLetter);
            case "isdecimal" -> every(text, Character::isDigit);
            case "isdigit" -> every(text, TextMethods::isDigit);
            case "isnumeric" -> every(text, TextMethods::isNumeric);
            case "isalnum" -> every(text, c -> Character.isLetter(c) || isDigit(c) || isNumeric(c));
            default ->
                !text.isEmpty()
                        && (Character.isUnicodeIdentifierStart(text.codePointAt(0)) || text.charAt(0) == '_')
                        && text.codePoints().allMatch(Character::isUnicodeIdentifierPart);
        };
    }

    private static boolean every(String text, IntPredicate is) {
        return !text.isEmpty() && text.codePoints().allMatch(is);
    }

    // Besides decimal digits, digits in other forms: superscripts, subscripts, circled ones.
    static boolean isDigit(int c) {
        return Character.isDigit(c)
                || c == 0xb2
                || c == 0xb3
                || c == 0xb9
                || c == 0x2070
                || (c >= 0x2074 && c <= 0x2079)
                || (c >= 0x2080 && c <= 0x2089)
                || (c >= 0x2460 && c <= 0x2468);
    }

    private static boolean isNumeric(int c) {
        int type = Character.getType(c);
        return isDigit(c) || type == Character.LETTER_NUMBER || type == Character.OTHER_NUMBER || isHanNumber(c);
    }

    private static boolean isHanNumber(int c) {
        return "〇一二三四五六七八九十百千万億兆零壹贰叁肆伍陆柒捌玖拾佰仟".indexOf(c) >= 0;
    }
}
