package nighttrain.io.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Values.Function;
import nighttrain.io.template.Values.Generator;
import nighttrain.io.template.Values.Group;
import nighttrain.io.template.Values.Markup;
import nighttrain.io.template.Values.Namespace;
import nighttrain.io.template.Values.Range;
import nighttrain.io.template.Values.Tuple;
import nighttrain.io.template.Values.Undefined;
import nighttrain.io.template.Values.View;

/** What Python does with any value: truth, {@code str}, {@code repr}, {@code ==}, {@code <}, {@code len}, {@code iter}. */
final class Python {
    private Python() {}

    /** The name of a value's type. */
    static String type(Object value) {
        if (value == null) {
            return "NoneType";
        }
        if (value instanceof Boolean) {
            return "bool";
        }
        if (value instanceof Long || value instanceof BigInteger) {
            return "int";
        }
        if (value instanceof Double) {
            return "float";
        }
        if (value instanceof String) {
            return "str";
        }
        if (value instanceof List) {
            return "list";
        }
        if (value instanceof Map) {
            return "dict";
        }
        if (value instanceof View view) {
            return "dict_" + view.kind();
        }
        return value instanceof Group
                ? "tuple"
                : value.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
    }

    static boolean truth(Object value) {
        if (value instanceof Boolean bool) {
            return bool;
        }
        if (value == null) {
            return false;
        }
        if (value instanceof String text) {
            return !text.isEmpty();
        }
        if (value instanceof Long number) {
            return number != 0;
        }
        if (value instanceof Double number) {
            return number != 0;
        }
        int length = lengthOrNone(value);
        return length != 0;
    }

    /** {@code len}, or -1 where a value has none. */
    static int lengthOrNone(Object value) {
        if (Text.is(value)) {
            return Text.length(Text.of(value));
        }
        if (value instanceof List<?> list) {
            return list.size();
        }
        if (value instanceof Map<?, ?> map) {
            return map.size();
        }
        if (value instanceof Tuple tuple) {
            return tuple.items().size();
        }
        if (value instanceof Group) {
            return 2;
        }
        if (value instanceof Range range) {
            return range.length();
        }
        if (value instanceof View view) {
            return view.map().size();
        }
        if (value instanceof Undefined) {
            return 0;
        }
        return value instanceof Loop loop ? loop.length() : -1;
    }

    static long length(Object value) {
        int length = lengthOrNone(value);
        if (length < 0) {
            throw new TemplateError("object of type '" + type(value) + "' has no len()");
        }
        return length;
    }

    static boolean isSequence(Object value) {
        return lengthOrNone(value) >= 0 && !(value instanceof View) && !(value instanceof Loop);
    }

    static boolean isIterable(Object value) {
        return lengthOrNone(value) >= 0 || value instanceof Generator;
    }

    static Iterator<Object> iterator(Object value) {
        if (Text.is(value)) {
            Iterator<Integer> points = Text.of(value).codePoints().iterator();
            boolean markup = value instanceof Markup;
            return Values.iterate(points::hasNext, () -> {
                String character = Character.toString(points.next());
                return markup ? new Markup(character) : character;
            });
        }
        if (value instanceof Range range) {
            return indexed(range);
        }
        if (value instanceof Generator generator) {
            return generator.items();
        }
        if (value instanceof View view) {
            return view.iterator();
        }
        if (value instanceof Undefined) {
            return Collections.emptyIterator();
        }
        Iterable<Object> items = items(value);
        if (items == null) {
            throw new TemplateError("'" + type(value) + "' object is not iterable");
        }
        return items.iterator();
    }

    @SuppressWarnings("unchecked") // Lists and maps of a template hold values of a template.
    private static Iterable<Object> items(Object value) {
        if (value instanceof List<?> list) {
            return (List<Object>) list;
        }
        if (value instanceof Map<?, ?> map) {
            return (Iterable<Object>) map.keySet();
        }
        if (value instanceof Tuple tuple) {
            return tuple.items();
        }
        return value instanceof Group group ? group.tuple().items() : null;
    }

    private static Iterator<Object> indexed(Range range) {
        int length = range.length();
        int[] next = {0};
        return Values.iterate(() -> next[0] < length, () -> range.get(next[0]++));
    }

    /** {@code list(value)}: a new list. */
    static List<Object> list(Object value) {
        if (value instanceof List<?> || value instanceof Tuple) {
            RenderBudget.checkEntries(lengthOrNone(value));
        }
        List<Object> list = new ArrayList<>();
        for (Iterator<Object> items = iterator(value); items.hasNext(); ) {
            if (list.size() == RenderBudget.MAX_ENTRIES) {
                RenderBudget.checkEntries(list.size() + 1L);
            }
            list.add(items.next());
        }
        RenderBudget.checkEntries(list.size());
        return list;
    }

    static String str(Object value) {
        if (value instanceof String text) {
            return text;
        }
        if (value instanceof Markup markup) {
            return markup.text();
        }
        return value instanceof Undefined ? "" : repr(value);
    }

    static String repr(Object value) {
        StringBuilder out = new StringBuilder();
        repr(value, out);
        RenderBudget.checkChars(out.length());
        return out.toString();
    }

    private static void repr(Object value, StringBuilder out) {
        if (out.length() > RenderBudget.MAX_CHARS) {
            RenderBudget.checkChars(out.length());
        }
        if (value == null) {
            out.append("None");
        } else if (value instanceof Boolean bool) {
            out.append(bool ? "True" : "False");
        } else if (value instanceof Long) {
            out.append(value);
        } else if (value instanceof BigInteger integer) {
            out.append(Numbers.decimal(integer));
        } else if (value instanceof Double number) {
            out.append(Numbers.repr(number));
        } else if (value instanceof String text) {
            Text.repr(text, out);
        } else if (value instanceof Markup markup) {
            Text.repr(markup.text(), out.append("Markup("));
            out.append(')');
        } else if (value instanceof List<?> list) {
            reprAll(list.iterator(), out.append('['));
            out.append(']');
        } else if (value instanceof Tuple tuple) {
            reprAll(tuple.items().iterator(), out.append('('));
            out.append(tuple.items().size() == 1 ? ",)" : ")");
        } else if (value instanceof Group group) {
            repr(group.tuple(), out);
        } else if (value instanceof Map<?, ?> map) {
            reprMap(map, out);
        } else if (value instanceof View view) {
            reprAll(view.iterator(), out.append(type(view)).append("(["));
            out.append("])");
        } else {
            out.append(reprOfOthers(value));
        }
    }

    private static String reprOfOthers(Object value) {
        if (value instanceof Range range) {
            return "range(" + range.start() + ", " + range.stop()
                    + (range.step() == 1 ? ")" : ", " + range.step() + ")");
        }
        if (value instanceof Namespace namespace) {
            return "<Namespace " + repr(namespace.attributes()) + ">";
        }
        if (value instanceof Undefined) {
            return "Undefined";
        }
        if (value instanceof Loop loop) {
            return "<LoopContext " + loop.attribute("index") + "/" + loop.length() + ">";
        }
        if (value instanceof Function function) {
            return "<" + function.name() + ">";
        }
        return "<" + (value instanceof Generator generator ? generator.name() : type(value)) + " object>";
    }

    private static void reprAll(Iterator<?> items, StringBuilder out) {
        while (items.hasNext()) {
            RenderBudget.count();
            repr(items.next(), out);
            out.append(items.hasNext() ? ", " : "");
        }
    }

    private static void reprMap(Map<?, ?> map, StringBuilder out) {
        out.append('{');
        Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator();
        while (entries.hasNext()) {
            RenderBudget.count();
            Map.Entry<?, ?> entry = entries.next();
            repr(entry.getKey(), out);
            repr(entry.getValue(), out.append(": "));
            out.append(entries.hasNext() ? ", " : "");
        }
        out.append('}');
    }

    /** {@code ==}. */
    static boolean equal(Object a, Object b) {
        if (a == b) {
            return !(a instanceof Double number && number.isNaN());
        }
        if (a instanceof String x && b instanceof String y) {
            return x.equals(y);
        }
        if (a == null || b == null) {
            return false;
        }
        if (Text.is(a) || Text.is(b)) {
            return Text.is(a) && Text.is(b) && Text.of(a).equals(Text.of(b));
        }
        if (Numbers.is(a) || Numbers.is(b)) {
            return Numbers.is(a) && Numbers.is(b) && Numbers.equal(a, b);
        }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            return equalItems(x, y);
        }
        if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
            return equalMaps(x, y);
        }
        if (isTuple(a) && isTuple(b)) {
            return equalItems(tuple(a), tuple(b));
        }
        if (a instanceof Range x && b instanceof Range y) {
            return equalItems(list(x), list(y));
        }
        if (a instanceof View x && b instanceof View y) {
            return x.kind().equals(y.kind())
                    && !x.kind().equals("values")
                    && x.map().size() == y.map().size()
                    && list(x).stream().allMatch(item -> contains(y, item));
        }
        return a instanceof Undefined && b instanceof Undefined;
    }

    static boolean isTuple(Object value) {
        return value instanceof Tuple || value instanceof Group;
    }

    static List<Object> tuple(Object value) {
        return value instanceof Group group ? group.tuple().items() : ((Tuple) value).items();
    }

    private static boolean equalItems(List<?> a, List<?> b) {
        if (a.size() != b.size()) {
            return false;
        }
        for (int i = 0; i < a.size(); i++) {
            RenderBudget.count();
            if (!same(a.get(i), b.get(i))) {
                return false;
            }
        }
        return true;
    }

    private static boolean equalMaps(Map<?, ?> a, Map<?, ?> b) {
        if (a.size() != b.size()) {
            return false;
        }
        for (Map.Entry<?, ?> entry : a.entrySet()) {
            RenderBudget.count();
            Object other = Dict.get(b, entry.getKey());
            if (other == Scope.MISSING || !same(entry.getValue(), other)) {
                return false;
            }
        }
        return true;
    }

    /** As containers compare their items: what is the same object is equal, even a NaN. */
    static boolean same(Object a, Object b) {
        return a == b || equal(a, b);
    }

    /** {@code <} and its like: negative, 0 or positive; {@code operator} is for the message. */
    static int compare(Object a, Object b, String operator) {
        if (Text.is(a) && Text.is(b)) {
            return Text.compare(Text.of(a), Text.of(b));
        }
        if (Numbers.is(a) && Numbers.is(b)) {
            return Numbers.compare(a, b);
        }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            return compareItems(x, y, operator);
        }
        if (isTuple(a) && isTuple(b)) {
            return compareItems(tuple(a), tuple(b), operator);
        }
        for (Object side : new Object[] {a, b}) {
            if (side instanceof Undefined undefined) {
                throw undefined.failure();
            }
        }
        throw new TemplateError(
                "'" + operator + "' not supported between instances of '" + type(a) + "' and '" + type(b) + "'");
    }

    private static int compareItems(List<?> a, List<?> b, String operator) {
        for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
            RenderBudget.count();
            if (!same(a.get(i), b.get(i))) {
                return compare(a.get(i), b.get(i), operator);
            }
        }
        return Integer.compare(a.size(), b.size());
    }

    /** {@code a operator b} of the four operators of order. */
    static boolean ordered(Object a, String operator, Object b) {
        if (Numbers.is(a) && Numbers.is(b) && (Numbers.isNan(a) || Numbers.isNan(b))) {
            return false;
        }
        int order = compare(a, b, operator);
        return switch (operator) {
            case "<" -> order < 0;
            case "<=" -> order <= 0;
            case ">" -> order > 0;
            default -> order >= 0;
        };
    }

    /** The order of {@code sorted}, which asks for {@code <} only. */
    static Comparator<Object> order() {
        return (a, b) -> {
            RenderBudget.count();
            return ordered(a, "<", b) ? -1 : ordered(b, "<", a) ? 1 : 0;
        };
    }

    /** {@code item in container}. */
    static boolean contains(Object container, Object item) {
        if (Text.is(container)) {
            if (!Text.is(item)) {
                throw new TemplateError("'in <string>' requires string as left operand, not " + type(item));
            }
            return Text.of(container).contains(Text.of(item));
        }
        if (container instanceof Map<?, ?> map) {
            return Dict.get(map, item) != Scope.MISSING;
        }
        if (container instanceof View view && view.kind().equals("keys")) {
            return Dict.get(view.map(), item) != Scope.MISSING;
        }
        for (Iterator<Object> items = iterator(container); items.hasNext(); ) {
            if (same(items.next(), item)) {
                return true;
            }
        }
        return false;
    }
}
