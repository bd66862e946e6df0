package nighttrain.io.template;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import nighttrain.io.template.Comparisons.Dict;
import nighttrain.io.template.Values.Generator;
import nighttrain.io.template.Values.Group;
import nighttrain.io.template.Values.Markup;
import nighttrain.io.template.Values.Tuple;
import nighttrain.io.template.Values.Undefined;

/**
 * Jinja2's filters, each with its parameters and defaults. Where Jinja2 returns a generator, so does this class: it is true, has no length, and can
 * be read once. {@code urlize} and {@code pprint} are left out: they serve web pages and debugging.
 */
final class Filters {
    /** Tests for {@code is} in templates and for {@code select} and similar filters. */
    static final Tests TESTS = new Tests(Filters::exists);

    private static final Map<String, Function<Arguments, Object>> ALL = new HashMap<>();

    static {
        ALL.put("abs", arguments -> abs(one("abs", arguments)));
        ALL.put("attr", Filters::attr);
        ALL.put("batch", Filters::batch);
        ALL.put("capitalize", arguments -> mapped("capitalize", arguments, Text::capitalize));
        ALL.put("center", Filters::center);
        ALL.put("count", arguments -> Python.length(one("count", arguments)));
        ALL.put("d", Filters::defaultValue);
        ALL.put("default", Filters::defaultValue);
        ALL.put("dictsort", Filters::dictSort);
        ALL.put("e", arguments -> Python.escape(one("escape", arguments)));
        ALL.put("escape", arguments -> Python.escape(one("escape", arguments)));
        ALL.put("filesizeformat", Filters::fileSize);
        ALL.put("first", arguments -> first(one("first", arguments)));
        ALL.put("float", Filters::toFloat);
        ALL.put("forceescape", arguments -> Python.escape(Python.str(one("forceescape", arguments))));
        ALL.put("format", Filters::format);
        ALL.put("groupby", Filters::groupBy);
        ALL.put("indent", Filters::indent);
        ALL.put("int", Filters::toInt);
        ALL.put("items", arguments -> items(one("items", arguments)));
        ALL.put("join", Filters::join);
        ALL.put("last", arguments -> last(one("last", arguments)));
        ALL.put("length", arguments -> Python.length(one("length", arguments)));
        ALL.put("list", arguments -> Python.list(one("list", arguments)));
        ALL.put("lower", arguments -> mapped("lower", arguments, Text::lower));
        ALL.put("map", Filters::map);
        ALL.put("max", arguments -> extreme("max", arguments));
        ALL.put("min", arguments -> extreme("min", arguments));
        ALL.put("random", arguments -> random(one("random", arguments)));
        ALL.put("reject", arguments -> select("reject", arguments, false, false));
        ALL.put("rejectattr", arguments -> select("rejectattr", arguments, true, false));
        ALL.put("replace", Filters::replace);
        ALL.put("reverse", arguments -> reverse(one("reverse", arguments)));
        ALL.put("round", Filters::round);
        ALL.put("safe", arguments -> new Markup(Python.str(one("safe", arguments))));
        ALL.put("select", arguments -> select("select", arguments, false, true));
        ALL.put("selectattr", arguments -> select("selectattr", arguments, true, true));
        ALL.put("slice", Filters::slice);
        ALL.put("sort", Filters::sort);
        ALL.put("string", arguments -> soft(one("string", arguments)));
        ALL.put("striptags", arguments -> stripTags(one("striptags", arguments)));
        ALL.put("sum", Filters::sum);
        // Unlike its like, Jinja2's filter makes a plain text of markup.
        ALL.put("title", arguments -> title(Python.str(one("title", arguments))));
        ALL.put("tojson", arguments -> PythonJson.dumps(value("tojson", arguments), arguments.rest()));
        ALL.put("trim", Filters::trim);
        ALL.put("truncate", Filters::truncate);
        ALL.put("unique", Filters::unique);
        ALL.put("upper", arguments -> mapped("upper", arguments, Text::upper));
        ALL.put("urlencode", arguments -> Urls.encode(one("urlencode", arguments)));
        ALL.put("wordcount", arguments -> wordCount(one("wordcount", arguments)));
        ALL.put("wordwrap", Filters::wordWrap);
        ALL.put("xmlattr", Filters::xmlAttributes);
    }

    private Filters() {}

    static boolean exists(Object name) {
        return Text.is(name) && ALL.containsKey(Text.of(name));
    }

    /** Returns the filter's value; the first positional argument is its input. */
    static Object apply(Object name, Arguments arguments) {
        if (!exists(name)) {
            throw new TemplateError("No filter named " + Python.repr(name) + ".");
        }
        RenderBudget.count();
        return ALL.get(Text.of(name)).apply(arguments);
    }

    // Arguments

    private static Object value(String filter, Arguments arguments) {
        if (arguments.positional().isEmpty()) {
            throw new TemplateError(filter + "() missing 1 required positional argument");
        }
        return arguments.positional().get(0);
    }

    private static Object one(String filter, Arguments arguments) {
        return arguments.bind(filter, 1, "")[0];
    }

    private static Object or(Object given, Object standard) {
        return given == Scope.MISSING ? standard : given;
    }

    private static boolean flag(Object given) {
        return given != Scope.MISSING && Python.truth(given);
    }

    /** Implements {@code soft_str}: markup stays markup. */
    private static Object soft(Object value) {
        return value instanceof Markup ? value : Python.str(value);
    }

    private static Object mapped(String filter, Arguments arguments, UnaryOperator<String> map) {
        Object text = soft(one(filter, arguments));
        return Text.like(text, map.apply(Text.of(text)));
    }

    // Texts

    private static String title(String text) {
        RenderBudget.checkChars(text.length());
        StringBuilder title = new StringBuilder();
        int i = 0;
        while (i < text.length()) {
            int end = i;
            boolean between = isBetweenWords(text.charAt(i));
            while (end < text.length() && isBetweenWords(text.charAt(end)) == between) {
                end++;
            }
            int second = i + Character.charCount(text.codePointAt(i));
            title.append(Text.upper(text.substring(i, second))).append(Text.lower(text.substring(second, end)));
            i = end;
        }
        return title.toString();
    }

    private static boolean isBetweenWords(char c) {
        return "-({[<".indexOf(c) >= 0 || Text.isBlank(c);
    }

    private static Object center(Arguments arguments) {
        Object[] bound = arguments.bind("center", 1, "value", "width");
        Object text = soft(bound[0]);
        int width = Numbers.index(or(bound[1], 80L), "center");
        return Text.like(text, TextMethods.padded(Text.of(text), width, " ", "center"));
    }

    private static Object trim(Arguments arguments) {
        Object[] bound = arguments.bind("trim", 1, "value", "chars");
        Object text = soft(bound[0]);
        List<Object> chars = bound[1] == Scope.MISSING ? List.of() : Collections.singletonList(bound[1]);
        return TextMethods.call(text, "strip", new Arguments(chars, Map.of()));
    }

    private static Object replace(Arguments arguments) {
        Object[] bound = arguments.bind("replace", 3, "s", "old", "new", "count");
        Object count = or(bound[3], null);
        return Text.replace(
                Python.str(bound[0]),
                Python.str(bound[1]),
                Python.str(bound[2]),
                count == null ? -1 : Numbers.index(count, "replace"));
    }

    private static Object format(Arguments arguments) {
        Object format = soft(value("format", arguments));
        List<Object> values = arguments.rest().positional();
        if (!values.isEmpty() && !arguments.named().isEmpty()) {
            throw new TemplateError("can't handle positional and keyword arguments at the same time");
        }
        return Printf.format(
                format,
                arguments.named().isEmpty() ? new Tuple(values) : new LinkedHashMap<Object, Object>(arguments.named()));
    }

    private static Object indent(Arguments arguments) {
        Object[] bound = arguments.bind("indent", 1, "s", "width", "first", "blank");
        Object width = or(bound[1], 4L);
        String indention = Text.is(width) ? Text.of(width) : Text.repeat(" ", Numbers.index(width, "indent"));
        Object text = Operators.binary(bound[0], "+", "\n");
        if (!Text.is(text)) {
            throw new TemplateError("indent() of '" + Values.type(bound[0]) + "'");
        }
        List<Object> lines = Text.lines(Text.of(text), false);
        StringBuilder indented = new StringBuilder(flag(bound[2]) ? indention : "");
        for (int i = 0; i < lines.size(); i++) {
            String line = (String) lines.get(i);
            boolean indents = i > 0 && (flag(bound[3]) || !line.isEmpty());
            indented.append(i > 0 ? "\n" : "").append(indents ? indention : "").append(line);
            if (indented.length() > RenderBudget.MAX_CHARS) {
                RenderBudget.checkChars(indented.length());
            }
        }
        RenderBudget.checkChars(indented.length());
        return Text.like(text, indented.toString());
    }

    private static Object truncate(Arguments arguments) {
        Object[] bound = arguments.bind("truncate", 1, "s", "length", "killwords", "end", "leeway");
        int length = Numbers.index(or(bound[1], 255L), "truncate");
        Object end = or(bound[3], "...");
        int leeway = or(bound[4], null) == null || bound[4] == Scope.MISSING ? 5 : Numbers.index(bound[4], "truncate");
        long endLength = Python.length(end);
        if (length < endLength || leeway < 0) {
            throw new TemplateError("expected length >= " + endLength + ", got " + length);
        }
        if (Python.length(bound[0]) <= (long) length + leeway) {
            return bound[0];
        }
        Object cut = Operators.slice(bound[0], null, length - endLength, null);
        if (!flag(bound[2])) {
            Object split = Operators.attribute(cut, "rsplit");
            if (!(split instanceof Values.Function rsplit)) {
                throw new TemplateError("truncate() of '" + Values.type(cut) + "'");
            }
            cut = Operators.item(rsplit.call(new Arguments(List.of(" ", 1L), Map.of())), 0L);
        }
        return Operators.binary(cut, "+", end);
    }

    private static Object wordCount(Object value) {
        long words = 0;
        boolean inWord = false;
        String text = Python.str(value);
        for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
            int c = text.codePointAt(i);
            boolean word = Character.isLetterOrDigit(c)
                    || c == '_'
                    || Character.getType(c) == Character.LETTER_NUMBER
                    || Character.getType(c) == Character.OTHER_NUMBER;
            words += word && !inWord ? 1 : 0;
            inWord = word;
        }
        return words;
    }

    private static Object wordWrap(Arguments arguments) {
        Object[] bound =
                arguments.bind("wordwrap", 1, "s", "width", "break_long_words", "wrapstring", "break_on_hyphens");
        if (!Text.is(bound[0])) {
            throw new TemplateError("wordwrap() of '" + Values.type(bound[0]) + "'");
        }
        int width = Numbers.index(or(bound[1], 79L), "wordwrap");
        boolean breakLong = bound[2] == Scope.MISSING || Python.truth(bound[2]);
        boolean hyphens = bound[4] == Scope.MISSING || Python.truth(bound[4]);
        Object wrap = or(bound[3], null);
        List<Object> lines = new ArrayList<>();
        for (Object line : Text.lines(Text.of(bound[0]), false)) {
            List<String> wrapped = WordWrap.wrap((String) line, width, breakLong, hyphens);
            lines.add(String.join(wrap == null ? "\n" : Python.str(wrap), wrapped));
        }
        return TextMethods.call(wrap == null ? "\n" : wrap, "join", new Arguments(List.of(lines), Map.of()));
    }

    private static Object stripTags(Object value) {
        String text = Python.str(value);
        StringBuilder plain = new StringBuilder();
        int from = 0;
        // As in MarkupSafe: comments first, then tags, each up to its end or not at all.
        for (String[] pair : new String[][] {{"<!--", "-->"}, {"<", ">"}}) {
            plain.setLength(0);
            from = 0;
            for (int open = text.indexOf(pair[0]); open >= 0; open = text.indexOf(pair[0], from)) {
                int close = text.indexOf(pair[1], open);
                if (close < 0) {
                    break;
                }
                plain.append(text, from, open);
                from = close + pair[1].length();
            }
            text = plain.append(text, from, text.length()).toString();
        }
        Object words = TextMethods.call(text, "split", Arguments.NONE);
        return TextMethods.call(" ", "join", new Arguments(List.of(words), Map.of()))
                .toString()
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&#39;", "'")
                .replace("&#34;", "\"")
                .replace("&quot;", "\"")
                .replace("&amp;", "&");
    }

    private static Object xmlAttributes(Arguments arguments) {
        Object[] bound = arguments.bind("xmlattr", 1, "d", "autospace");
        if (!(bound[0] instanceof Map<?, ?> map)) {
            throw new TemplateError("xmlattr() of '" + Values.type(bound[0]) + "'");
        }
        StringBuilder out = new StringBuilder();
        map.forEach((key, value) -> {
            if (value != null && !(value instanceof Undefined)) {
                if (!Text.is(key) || Text.of(key).matches("(?s).*[\\s\\x0b/>=].*")) {
                    throw new TemplateError("Invalid character in attribute name: " + Python.repr(key));
                }
                out.append(out.isEmpty() ? "" : " ").append(Python.escape(key)).append("=\"");
                out.append(Python.escape(value)).append('"');
            }
        });
        boolean space = bound[1] == Scope.MISSING || Python.truth(bound[1]);
        return space && !out.isEmpty() ? " " + out : out.toString();
    }

    // Numbers

    private static Object abs(Object value) {
        if (!Numbers.is(value)) {
            throw new TemplateError("bad operand type for abs(): '" + Values.type(value) + "'");
        }
        if (value instanceof Double real) {
            return Math.abs(real);
        }
        return Numbers.integer(Numbers.big(value).abs());
    }

    private static Object toInt(Arguments arguments) {
        Object[] bound = arguments.bind("int", 1, "value", "default", "base");
        Object value = bound[0];
        Object standard = or(bound[1], 0L);
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (Text.is(value)) {
            int base = Numbers.index(or(bound[2], 10L), "int");
            boolean valid = base == 0 || (base >= 2 && base <= 36);
            Object parsed = valid ? Numbers.parseInteger(Text.of(value), base) : null;
            if (parsed != null) {
                return parsed;
            }
            Double real = Numbers.parseReal(Text.of(value));
            return real == null || !Double.isFinite(real) ? standard : Numbers.truncate(real);
        }
        if (value instanceof Double real) {
            if (real.isInfinite()) {
                // Python's own int(value) raises an error that the filter does not catch.
                throw new TemplateError("cannot convert float infinity to integer");
            }
            return real.isNaN() ? standard : Numbers.truncate(real);
        }
        return Numbers.is(value) ? Numbers.integer(Numbers.big(value)) : standard;
    }

    private static Object toFloat(Arguments arguments) {
        Object[] bound = arguments.bind("float", 1, "value", "default");
        Object value = bound[0];
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        Object parsed = Text.is(value)
                ? Numbers.parseReal(Text.of(value))
                : Numbers.is(value) ? (Object) Numbers.real(value) : null;
        return parsed == null ? or(bound[1], 0.0) : parsed;
    }

    private static Object round(Arguments arguments) {
        Object[] bound = arguments.bind("round", 1, "value", "precision", "method");
        Object method = or(bound[2], "common");
        if (!Text.is(method) || !List.of("common", "ceil", "floor").contains(Text.of(method))) {
            throw new TemplateError("method must be common, ceil or floor");
        }
        if (!Numbers.is(bound[0])) {
            throw new TemplateError("type " + Values.type(bound[0]) + " doesn't define __round__ method");
        }
        Object precision = or(bound[1], 0L);
        if (Text.of(method).equals("common")) {
            return Numbers.round(bound[0], precision);
        }
        Object scale = Operators.binary(10L, "**", precision);
        Object scaled = Operators.binary(bound[0], "*", scale);
        Object whole = Numbers.isInteger(scaled)
                ? Numbers.integer(Numbers.big(scaled))
                : Numbers.truncate(
                        Text.of(method).equals("ceil") ? Math.ceil((Double) scaled) : Math.floor((Double) scaled));
        return Operators.binary(whole, "/", scale);
    }

    private static Object sum(Arguments arguments) {
        Object[] bound = arguments.bind("sum", 1, "iterable", "attribute", "start");
        Object sum = or(bound[2], 0L);
        if (Text.is(sum)) {
            throw new TemplateError("sum() can't sum strings [use ''.join(seq) instead]");
        }
        UnaryOperator<Object> get = or(bound[1], null) == null ? item -> item : attribute(bound[1], null, false);
        for (Iterator<Object> items = Python.iterator(bound[0]); items.hasNext(); ) {
            RenderBudget.count();
            sum = Operators.binary(sum, "+", get.apply(items.next()));
        }
        return sum;
    }

    private static Object fileSize(Arguments arguments) {
        Object[] bound = arguments.bind("filesizeformat", 1, "value", "binary");
        Object size = Text.is(bound[0]) ? Numbers.parseReal(Text.of(bound[0])) : bound[0];
        if (!Numbers.is(size)) {
            throw new TemplateError("could not convert to float: " + Python.repr(bound[0]));
        }
        double bytes = Numbers.real(size);
        boolean binary = flag(bound[1]);
        double base = binary ? 1024 : 1000;
        if (bytes == 1) {
            return "1 Byte";
        }
        if (bytes < base) {
            return Numbers.decimal(Numbers.truncate(bytes)) + " Bytes";
        }
        String prefixes = binary ? "KMGTPEZY" : "kMGTPEZY";
        double unit = base;
        int i = -1;
        do {
            i++;
            unit *= base;
        } while (i < 7 && !(bytes < unit));
        return NumberFormat.digits(base * bytes / unit, 'f', 1, false) + " " + prefixes.charAt(i)
                + (binary ? "iB" : "B");
    }

    // Any values

    private static Object defaultValue(Arguments arguments) {
        Object[] bound = arguments.bind("default", 1, "value", "default_value", "boolean");
        boolean replaced = bound[0] instanceof Undefined || (flag(bound[2]) && !Python.truth(bound[0]));
        return replaced ? or(bound[1], "") : bound[0];
    }

    private static Object attr(Arguments arguments) {
        Object[] bound = arguments.bind("attr", 2, "obj", "name");
        if (!Text.is(bound[1])) {
            throw new TemplateError("attribute name must be string, not '" + Values.type(bound[1]) + "'");
        }
        Object found = Operators.own(bound[0], Text.of(bound[1]));
        return found == Scope.MISSING ? Operators.undefined(bound[0], bound[1]) : found;
    }

    // Sequences

    private static Object first(Object value) {
        Iterator<Object> items = Python.iterator(value);
        return items.hasNext() ? items.next() : new Undefined("No first item, sequence was empty.");
    }

    private static Object last(Object value) {
        List<Object> items = reversible(value);
        return items.isEmpty() ? new Undefined("No last item, sequence was empty.") : items.get(items.size() - 1);
    }

    private static List<Object> reversible(Object value) {
        boolean reversible = Python.isSequence(value) || value instanceof Values.View;
        if (!reversible) {
            throw new TemplateError("'" + Values.type(value) + "' object is not reversible");
        }
        return Python.list(value);
    }

    private static Object reverse(Object value) {
        if (Text.is(value)) {
            // Code points; a StringBuilder keeps pairs of surrogates in order.
            return Text.like(value, new StringBuilder(Text.of(value)).reverse().toString());
        }
        boolean reversible = Python.isSequence(value) || value instanceof Values.View;
        List<Object> items = Python.list(value);
        Collections.reverse(items);
        return reversible ? new Generator("reversed", items.iterator()) : items;
    }

    private static Object random(Object value) {
        if (!Python.isSequence(value)) {
            throw new TemplateError("object of type '" + Values.type(value) + "' has no random item");
        }
        List<Object> items = Python.list(value);
        return items.isEmpty()
                ? new Undefined("No random item, sequence was empty.")
                : items.get(java.util.concurrent.ThreadLocalRandom.current().nextInt(items.size()));
    }

    private static Object items(Object value) {
        return lazy("do_items", () -> {
            if (value instanceof Undefined) {
                return Collections.emptyIterator();
            }
            if (!(value instanceof Map)) {
                throw new TemplateError("Can only get item pairs from a mapping.");
            }
            return Python.iterator(((Values.Function) Operators.own(value, "items")).call(Arguments.NONE));
        });
    }

    /** Returns a generator whose body starts when its first item is requested. */
    private static Generator lazy(String name, java.util.function.Supplier<Iterator<Object>> body) {
        return new Generator("generator object " + name, new Iterator<>() {
            private Iterator<Object> items;

            @Override
            public boolean hasNext() {
                if (items == null) {
                    items = body.get();
                }
                return items.hasNext();
            }

            @Override
            public Object next() {
                RenderBudget.count();
                return hasNext() ? items.next() : Collections.emptyIterator().next();
            }
        });
    }

    private static Object join(Arguments arguments) {
        Object[] bound = arguments.bind("join", 1, "value", "d", "attribute");
        UnaryOperator<Object> get = or(bound[2], null) == null ? item -> item : attribute(bound[2], null, false);
        Iterator<Object> items = Python.iterator(bound[0]);
        List<Object> texts = new ArrayList<>();
        while (items.hasNext()) {
            RenderBudget.count();
            RenderBudget.checkEntries(texts.size() == RenderBudget.MAX_ENTRIES ? texts.size() + 1L : 0);
            texts.add(Python.str(get.apply(items.next())));
        }
        return TextMethods.call(
                Python.str(or(bound[1], "")), "join", new Arguments(Collections.singletonList(texts), Map.of()));
    }

    private static Object map(Arguments arguments) {
        Object value = value("map", arguments);
        Arguments rest = arguments.rest();
        return lazy("sync_do_map", () -> {
            if (!Python.truth(value)) {
                return Collections.emptyIterator();
            }
            UnaryOperator<Object> apply = mapping(rest);
            Iterator<Object> items = Python.iterator(value);
            return Values.iterate(items::hasNext, () -> apply.apply(items.next()));
        });
    }

    private static UnaryOperator<Object> mapping(Arguments arguments) {
        if (arguments.positional().isEmpty() && arguments.named().containsKey("attribute")) {
            for (String name : arguments.named().keySet()) {
                if (!name.equals("attribute") && !name.equals("default")) {
                    throw new TemplateError("Unexpected keyword argument '" + name + "'");
                }
            }
            return attribute(
                    arguments.named().get("attribute"), arguments.named().get("default"), false);
        }
        if (arguments.positional().isEmpty()) {
            throw new TemplateError("map requires a filter argument");
        }
        Object filter = arguments.positional().get(0);
        return item -> apply(filter, with(item, arguments.rest()));
    }

    private static Arguments with(Object first, Arguments arguments) {
        List<Object> positional = new ArrayList<>();
        positional.add(first);
        positional.addAll(arguments.positional());
        return new Arguments(positional, arguments.named());
    }

    private static Object select(String filter, Arguments arguments, boolean byAttribute, boolean wanted) {
        Object value = value(filter, arguments);
        Arguments rest = arguments.rest();
        return lazy("select_or_reject", () -> {
            if (!Python.truth(value)) {
                return Collections.emptyIterator();
            }
            if (byAttribute && rest.positional().isEmpty()) {
                throw new TemplateError("Missing parameter for attribute name");
            }
            UnaryOperator<Object> get =
                    byAttribute ? attribute(rest.positional().get(0), null, false) : item -> item;
            Arguments test = byAttribute ? rest.rest() : rest;
            return new Selected(Python.iterator(value), item -> {
                Object part = get.apply(item);
                boolean passes = test.positional().isEmpty()
                        ? Python.truth(part)
                        : Python.truth(TESTS.apply(test.positional().get(0), with(part, test.rest())));
                return passes == wanted;
            });
        });
    }

    /** The items that satisfy a condition. */
    private static final class Selected implements Iterator<Object> {
        private final Iterator<Object> items;
        private final java.util.function.Predicate<Object> condition;
        private Object next = Scope.MISSING;

        Selected(Iterator<Object> items, java.util.function.Predicate<Object> condition) {
            this.items = items;
            this.condition = condition;
        }

        @Override
        public boolean hasNext() {
            while (next == Scope.MISSING && items.hasNext()) {
                RenderBudget.count();
                Object item = items.next();
                next = condition.test(item) ? item : Scope.MISSING;
            }
            return next != Scope.MISSING;
        }

        @Override
        public Object next() {
            Object item = hasNext() ? next : Collections.emptyIterator().next();
            next = Scope.MISSING;
            return item;
        }
    }

    /** Returns the function that a filter's parameter {@code attribute} names: a path with dots, in which numbers are indexes. */
    private static UnaryOperator<Object> attribute(Object attribute, Object standard, boolean ignoreCase) {
        List<Object> path = path(attribute);
        return item -> {
            Object value = item;
            for (Object part : path) {
                value = Operators.item(value, part);
                if (standard != null && value instanceof Undefined) {
                    value = standard;
                }
            }
            return ignoreCase ? ignoringCase(value) : value;
        };
    }

    private static List<Object> path(Object attribute) {
        if (attribute == null || attribute == Scope.MISSING) {
            return List.of();
        }
        if (!Text.is(attribute)) {
            return List.of(attribute);
        }
        List<Object> path = new ArrayList<>();
        for (Object part : TextMethods.split(Text.of(attribute), ".", -1)) {
            Object index = ((String) part).chars().allMatch(Character::isDigit)
                    ? Numbers.parseInteger((String) part, 10)
                    : null;
            path.add(index != null ? index : part);
        }
        return path;
    }

    private static Object ignoringCase(Object value) {
        return Text.is(value) ? Text.like(value, Text.lower(Text.of(value))) : value;
    }

    private static Object sort(Arguments arguments) {
        Object[] bound = arguments.bind("sort", 1, "value", "reverse", "case_sensitive", "attribute");
        boolean ignoreCase = !flag(bound[2]);
        Object attribute = or(bound[3], null);
        List<UnaryOperator<Object>> keys = new ArrayList<>();
        if (Text.is(attribute)) {
            TextMethods.split(Text.of(attribute), ",", -1).forEach(one -> keys.add(attribute(one, null, ignoreCase)));
        } else {
            keys.add(attribute(attribute, null, ignoreCase));
        }
        return sorted(
                Python.list(bound[0]),
                item -> {
                    List<Object> key = new ArrayList<>();
                    keys.forEach(one -> key.add(one.apply(item)));
                    return key;
                },
                flag(bound[1]));
    }

    /** Sorts like {@code sorted}: stable, also in reverse. */
    private static List<Object> sorted(List<Object> items, UnaryOperator<Object> key, boolean reverse) {
        record Keyed(Object key, Object item) {}
        List<Keyed> keyed = new ArrayList<>();
        items.forEach(item -> keyed.add(new Keyed(key.apply(item), item)));
        try {
            keyed.sort((a, b) -> reverse
                    ? Comparisons.order().compare(b.key, a.key)
                    : Comparisons.order().compare(a.key, b.key));
        } catch (IllegalArgumentException unordered) {
            throw new TemplateError("values without an order cannot be sorted");
        }
        List<Object> sorted = new ArrayList<>();
        keyed.forEach(one -> sorted.add(one.item));
        return sorted;
    }

    private static Object dictSort(Arguments arguments) {
        Object[] bound = arguments.bind("dictsort", 1, "value", "case_sensitive", "by", "reverse");
        Object by = or(bound[2], "key");
        if (!Text.is(by) || (!Text.of(by).equals("key") && !Text.of(by).equals("value"))) {
            throw new TemplateError("You can only sort by either \"key\" or \"value\"");
        }
        if (!(bound[0] instanceof Map<?, ?> map)) {
            throw bound[0] instanceof Undefined undefined
                    ? undefined.failure()
                    : new TemplateError("'" + Values.type(bound[0]) + "' object has no attribute 'items'");
        }
        List<Object> pairs = new ArrayList<>();
        map.forEach((key, value) -> pairs.add(Tuple.of(key, value)));
        int position = Text.of(by).equals("key") ? 0 : 1;
        boolean ignoreCase = !flag(bound[1]);
        return sorted(
                pairs,
                pair -> {
                    Object part = ((Tuple) pair).items().get(position);
                    return ignoreCase ? ignoringCase(part) : part;
                },
                flag(bound[3]));
    }

    private static Object extreme(String filter, Arguments arguments) {
        Object[] bound = arguments.bind(filter, 1, "value", "case_sensitive", "attribute");
        Iterator<Object> items = Python.iterator(bound[0]);
        if (!items.hasNext()) {
            return new Undefined("No aggregated item, sequence was empty.");
        }
        UnaryOperator<Object> get = attribute(or(bound[2], null), null, !flag(bound[1]));
        Object best = items.next();
        Object bestKey = get.apply(best);
        while (items.hasNext()) {
            RenderBudget.count();
            Object item = items.next();
            Object key = get.apply(item);
            if (Comparisons.ordered(key, filter.equals("max") ? ">" : "<", bestKey)) {
                best = item;
                bestKey = key;
            }
        }
        return best;
    }

    private static Object unique(Arguments arguments) {
        Object[] bound = arguments.bind("unique", 1, "value", "case_sensitive", "attribute");
        return lazy("sync_do_unique", () -> {
            UnaryOperator<Object> get = attribute(or(bound[2], null), null, !flag(bound[1]));
            Map<Object, Object> seen = new LinkedHashMap<>();
            return new Selected(Python.iterator(bound[0]), item -> {
                Object key = get.apply(item);
                boolean isNew = Dict.get(seen, key) == Scope.MISSING;
                if (isNew) {
                    Dict.put(seen, key, true);
                }
                return isNew;
            });
        });
    }

    private static Object groupBy(Arguments arguments) {
        Object[] bound = arguments.bind("groupby", 2, "value", "attribute", "default", "case_sensitive");
        Object standard = or(bound[2], null);
        boolean sensitive = flag(bound[3]);
        UnaryOperator<Object> key = attribute(bound[1], standard, !sensitive);
        List<Object> groups = new ArrayList<>();
        Object last = Scope.MISSING;
        for (Object item : sorted(Python.list(bound[0]), key, false)) {
            Object now = key.apply(item);
            if (groups.isEmpty() || !Comparisons.same(last, now)) {
                Object shown =
                        sensitive ? now : attribute(bound[1], standard, false).apply(item);
                groups.add(new Group(shown, new ArrayList<>()));
            }
            last = now;
            ((Group) groups.get(groups.size() - 1)).list().add(item);
        }
        return groups;
    }

    private static Object batch(Arguments arguments) {
        Object[] bound = arguments.bind("batch", 2, "value", "linecount", "fill_with");
        Object fill = or(bound[2], null);
        return lazy("do_batch", () -> {
            List<Object> batches = new ArrayList<>();
            List<Object> batch = new ArrayList<>();
            for (Object item : Python.list(bound[0])) {
                if (Numbers.is(bound[1]) && Numbers.equal((long) batch.size(), bound[1])) {
                    batches.add(batch);
                    batch = new ArrayList<>();
                }
                batch.add(item);
            }
            if (!batch.isEmpty()) {
                if (fill != null && Comparisons.ordered((long) batch.size(), "<", bound[1])) {
                    long missing = Numbers.index(bound[1], "batch") - (long) batch.size();
                    RenderBudget.checkEntries(missing);
                    batch.addAll(Collections.nCopies((int) missing, fill));
                }
                batches.add(batch);
            }
            return batches.iterator();
        });
    }

    private static Object slice(Arguments arguments) {
        Object[] bound = arguments.bind("slice", 2, "value", "slices", "fill_with");
        Object fill = or(bound[2], null);
        return lazy("sync_do_slice", () -> {
            List<Object> items = Python.list(bound[0]);
            int slices = Numbers.index(bound[1], "slice");
            if (slices == 0) {
                throw new TemplateError("integer division or modulo by zero");
            }
            RenderBudget.checkEntries(slices);
            int each = Math.floorDiv(items.size(), slices);
            int extra = Math.floorMod(items.size(), slices);
            List<Object> columns = new ArrayList<>();
            int from = 0;
            for (int i = 0; i < slices; i++) {
                int to = from + each + (i < extra ? 1 : 0);
                List<Object> column = new ArrayList<>(items.subList(from, to));
                if (fill != null && i >= extra) {
                    column.add(fill);
                }
                columns.add(column);
                from = to;
            }
            return columns.iterator();
        });
    }

    /** The filter {@code urlencode}: encodes a text for a path, or pairs for a query. */
    private static final class Urls {
        private Urls() {}

        static Object encode(Object value) {
            if (Text.is(value) || !Python.isIterable(value)) {
                return quote(value, "/");
            }
            Iterator<Object> pairs = value instanceof java.util.Map
                    ? Python.iterator(((Values.Function) Operators.own(value, "items")).call(Arguments.NONE))
                    : Python.iterator(value);
            List<String> encoded = new ArrayList<>();
            while (pairs.hasNext()) {
                List<Object> pair = Python.list(pairs.next());
                if (pair.size() != 2) {
                    throw new TemplateError("not enough or too many values to unpack (expected 2)");
                }
                encoded.add(quote(pair.get(0), "").replace("%20", "+") + "="
                        + quote(pair.get(1), "").replace("%20", "+"));
            }
            return String.join("&", encoded);
        }

        private static String quote(Object value, String safe) {
            StringBuilder quoted = new StringBuilder();
            for (byte b : Python.str(value).getBytes(StandardCharsets.UTF_8)) {
                char c = (char) (b & 0xff);
                boolean plain = c < 0x80 && (Character.isLetterOrDigit(c) || ("_.-~" + safe).indexOf(c) >= 0);
                quoted.append(plain ? String.valueOf(c) : String.format("%%%02X", (int) c));
            }
            RenderBudget.checkChars(quoted.length());
            return quoted.toString();
        }
    }
}
