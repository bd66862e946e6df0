package nighttrain.io.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Comparisons.Dict;
import nighttrain.io.template.Values.Attributes;
import nighttrain.io.template.Values.Group;
import nighttrain.io.template.Values.Markup;
import nighttrain.io.template.Values.Namespace;
import nighttrain.io.template.Values.Range;
import nighttrain.io.template.Values.Tuple;
import nighttrain.io.template.Values.Undefined;

/** Arithmetic, and access to attributes, items and slices, as in Jinja2's sandbox. */
final class Operators {
    private Operators() {}

    /** {@code a operator b}. */
    static Object binary(Object a, String operator, Object b) {
        if (a instanceof String x && b instanceof String y && operator.equals("+")) {
            RenderBudget.checkChars((long) x.length() + y.length());
            return x.concat(y);
        }
        if (Numbers.is(a) && Numbers.is(b)) {
            return Numbers.arithmetic(a, operator, b);
        }
        if (Text.is(a) && operator.equals("%")) {
            return Printf.format(a, b);
        }
        for (Object side : new Object[] {a, b}) {
            if (side instanceof Undefined undefined) {
                throw undefined.failure();
            }
        }
        Object result = switch (operator) {
            case "+" -> sum(a, b);
            case "*" -> Numbers.isInteger(b) ? times(a, b) : Numbers.isInteger(a) ? times(b, a) : null;
            default -> null;
        };
        if (result == null) {
            throw new TemplateError("unsupported operand type(s) for " + operator + ": '" + Values.type(a) + "' and '"
                    + Values.type(b) + "'");
        }
        return result;
    }

    private static Object sum(Object a, Object b) {
        if (Text.is(a) && Text.is(b)) {
            String x = Python.escape(a).text();
            String y = Python.escape(b).text();
            RenderBudget.checkChars((long) x.length() + y.length());
            return new Markup(x + y);
        }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            return joined(x, y);
        }
        if (Python.isTuple(a) && Python.isTuple(b)) {
            return new Tuple(joined(Python.tuple(a), Python.tuple(b)));
        }
        return null;
    }

    private static List<Object> joined(List<?> a, List<?> b) {
        RenderBudget.checkEntries((long) a.size() + b.size());
        List<Object> joined = new ArrayList<>(a.size() + b.size());
        joined.addAll(a);
        joined.addAll(b);
        return joined;
    }

    private static Object times(Object sequence, Object count) {
        int times = Math.max(0, Numbers.index(count, "*"));
        if (Text.is(sequence)) {
            return Text.like(sequence, Text.repeat(Text.of(sequence), times));
        }
        List<?> items =
                sequence instanceof List<?> list ? list : Python.isTuple(sequence) ? Python.tuple(sequence) : null;
        if (items == null) {
            return null;
        }
        RenderBudget.checkEntries((long) items.size() * times);
        List<Object> repeated = new ArrayList<>(items.size() * times);
        for (int i = 0; i < times && !items.isEmpty(); i++) {
            repeated.addAll(items);
        }
        return sequence instanceof List ? repeated : new Tuple(repeated);
    }

    /** {@code + value} and {@code - value}. */
    static Object unary(String operator, Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (!Numbers.is(value)) {
            throw new TemplateError("bad operand type for unary " + operator + ": '" + Values.type(value) + "'");
        }
        return operator.equals("-") ? Numbers.negative(value) : Numbers.positive(value);
    }

    /** Evaluates {@code value.name}: the attribute, else the item. */
    static Object attribute(Object value, String name) {
        Object found = own(value, name);
        if (found == Scope.MISSING && value instanceof Map<?, ?> map) {
            found = Dict.get(map, name);
        }
        return found == Scope.MISSING ? undefined(value, name) : found;
    }

    /** Evaluates {@code value[key]}: the item, else the attribute. */
    static Object item(Object value, Object key) {
        Object found = element(value, key);
        if (found == Scope.MISSING && Text.is(key)) {
            found = own(value, Text.of(key));
        }
        return found == Scope.MISSING ? undefined(value, key) : found;
    }

    private static Object element(Object value, Object key) {
        if (value instanceof Map<?, ?> map) {
            return key instanceof List || key instanceof Map ? Scope.MISSING : Dict.get(map, key);
        }
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        int length = Numbers.isInteger(key) && Python.isSequence(value) ? Python.lengthOrNone(value) : 0;
        int index = length == 0 ? 0 : Numbers.index(key, "index");
        int fromStart = index < 0 ? index + length : index;
        return fromStart < 0 || fromStart >= length ? Scope.MISSING : at(value, fromStart, length);
    }

    private static Object at(Object value, int index, int length) {
        if (Text.is(value)) {
            String text = Text.of(value);
            return Text.like(value, Character.toString(text.codePointAt(Text.offset(text, index, length))));
        }
        if (value instanceof List<?> list) {
            return list.get(index);
        }
        return value instanceof Range range
                ? range.get(index)
                : Python.tuple(value).get(index);
    }

    /** Returns Python's attribute of a value, or {@link Scope#MISSING}; Java's own members are never visible. */
    static Object own(Object value, String name) {
        if (value instanceof Undefined undefined) {
            if (name.startsWith("__") && name.endsWith("__")) {
                return Scope.MISSING;
            }
            throw undefined.failure();
        }
        if (value instanceof Namespace namespace) {
            return Dict.get(namespace.attributes(), name);
        }
        if (value instanceof Attributes attributes) {
            return attributes.attribute(name);
        }
        if (value instanceof Group group && (name.equals("grouper") || name.equals("list"))) {
            return name.equals("list") ? group.list() : group.grouper();
        }
        return Text.is(value) && StringFormat.METHODS.contains(name)
                ? new Methods.Bound(value, name, Operators::format)
                : Methods.of(value, name);
    }

    /** As in Jinja2's sandbox, the fields of a format access attributes and items like the template itself. */
    private static Object format(Object self, String method, Arguments arguments) {
        return StringFormat.format(self, method, arguments, Operators::attribute, Operators::item);
    }

    /** Returns the undefined value of an attribute or element that a value lacks. */
    static Undefined undefined(Object value, Object key) {
        String type = value == null ? "None" : Values.type(value) + " object";
        return new Undefined(
                Text.is(key)
                        ? "'" + type + "' has no attribute " + Python.repr(key)
                        : type + " has no element " + Python.repr(key));
    }

    /** Evaluates {@code value[start:stop:step]}; null stands for an omitted part. */
    static Object slice(Object value, Object start, Object stop, Object step) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (!Python.isSequence(value) || value instanceof Map) {
            throw new TemplateError("'" + Values.type(value) + "' object is not subscriptable by a slice");
        }
        int by = step == null ? 1 : Numbers.index(step, "slice");
        if (by == 0) {
            throw new TemplateError("slice step cannot be zero");
        }
        int length = Python.lengthOrNone(value);
        int from = bound(start, length, by, by > 0 ? 0 : length - 1);
        int to = bound(stop, length, by, by > 0 ? length : -1);
        int count = by > 0
                ? (int) Math.max(0, ((long) to - from + by - 1) / by)
                : (int) Math.max(0, ((long) from - to - by - 1) / -by);
        if (Text.is(value)) {
            return Text.like(value, sliced(Text.of(value), length, from, by, count));
        }
        if (value instanceof Range range) {
            return new Range(range.start() + from * range.step(), range.start() + to * range.step(), range.step() * by);
        }
        RenderBudget.checkEntries(count);
        List<?> items = value instanceof List<?> list ? list : Python.tuple(value);
        List<Object> sliced = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            sliced.add(items.get(from + i * by));
        }
        return value instanceof List ? sliced : new Tuple(sliced);
    }

    private static int bound(Object index, int length, int by, int whenLeftOut) {
        if (index == null) {
            return whenLeftOut;
        }
        int asked = Numbers.index(index, "slice");
        int fromStart = asked < 0 ? asked + length : asked;
        return by > 0 ? Math.min(Math.max(fromStart, 0), length) : Math.min(Math.max(fromStart, -1), length - 1);
    }

    private static String sliced(String text, int length, int from, int by, int count) {
        if (count == 0) {
            return "";
        }
        RenderBudget.checkChars(count);
        if (by == 1) {
            int begin = Text.offset(text, from, length);
            int end = length == text.length() ? from + count : text.offsetByCodePoints(begin, count);
            return text.substring(begin, end);
        }
        int[] points = text.codePoints().toArray();
        StringBuilder sliced = new StringBuilder(count);
        for (int i = 0; i < count; i++) {
            sliced.appendCodePoint(points[from + i * by]);
        }
        return sliced.toString();
    }
}
