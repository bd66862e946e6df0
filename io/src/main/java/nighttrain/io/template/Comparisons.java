package nighttrain.io.template;

import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Values.Namespace;
import nighttrain.io.template.Values.Range;
import nighttrain.io.template.Values.Tuple;
import nighttrain.io.template.Values.Undefined;
import nighttrain.io.template.Values.View;

/** Python's comparisons of two values: {@code ==}, {@code <} and {@code in}; and maps, whose keys are found by {@code ==}. */
final class Comparisons {
    private Comparisons() {}

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
        if (Python.isTuple(a) && Python.isTuple(b)) {
            return equalItems(Python.tuple(a), Python.tuple(b));
        }
        if (a instanceof Range x && b instanceof Range y) {
            return equalItems(Python.list(x), Python.list(y));
        }
        if (a instanceof View x && b instanceof View y) {
            return x.kind().equals(y.kind())
                    && !x.kind().equals("values")
                    && x.map().size() == y.map().size()
                    && Python.list(x).stream().allMatch(item -> contains(y, item));
        }
        return a instanceof Undefined && b instanceof Undefined;
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

    /** Compares like a container compares its items: an object equals itself, even a NaN. */
    static boolean same(Object a, Object b) {
        return a == b || equal(a, b);
    }

    /** Compares like {@code <} and its kin: negative, 0 or positive; {@code operator} is for the error message. */
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
        if (Python.isTuple(a) && Python.isTuple(b)) {
            return compareItems(Python.tuple(a), Python.tuple(b), operator);
        }
        for (Object side : new Object[] {a, b}) {
            if (side instanceof Undefined undefined) {
                throw undefined.failure();
            }
        }
        throw new TemplateError("'" + operator + "' not supported between instances of '" + Values.type(a) + "' and '"
                + Values.type(b) + "'");
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

    /** Returns {@code a operator b} for one of the four ordering operators. */
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

    /** Returns the order of {@code sorted}, which uses {@code <} only. */
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
                throw new TemplateError("'in <string>' requires string as left operand, not " + Values.type(item));
            }
            return Text.of(container).contains(Text.of(item));
        }
        if (container instanceof Map<?, ?> map) {
            return Dict.get(map, item) != Scope.MISSING;
        }
        if (container instanceof View view && view.kind().equals("keys")) {
            return Dict.get(view.map(), item) != Scope.MISSING;
        }
        for (Iterator<Object> items = Python.iterator(container); items.hasNext(); ) {
            if (same(items.next(), item)) {
                return true;
            }
        }
        return false;
    }

    /** Returns {@code a operator b} for any comparison operator. */
    static boolean holds(Object a, String operator, Object b) {
        return switch (operator) {
            case "==" -> equal(a, b);
            case "!=" -> !equal(a, b);
            case "in" -> contains(b, a);
            case "not in" -> !contains(b, a);
            default -> ordered(a, operator, b);
        };
    }

    /** Maps with Python's keys: 1, 1.0 and True are one key. */
    static final class Dict {
        private Dict() {}

        /** Returns the value of a key, or {@link Scope#MISSING}. */
        static Object get(Map<?, ?> map, Object key) {
            Object found = existing(map, key);
            return found == Scope.MISSING ? found : map.get(found);
        }

        static void put(Map<Object, Object> map, Object key, Object value) {
            Object found = existing(map, key);
            RenderBudget.checkEntries(found == Scope.MISSING ? map.size() + 1L : 0);
            map.put(found == Scope.MISSING ? key : found, value);
        }

        private static Object existing(Map<?, ?> map, Object key) {
            if (key instanceof String) {
                return map.containsKey(key) ? key : Scope.MISSING;
            }
            checkHashable(key);
            for (Object other : map.keySet()) {
                RenderBudget.count();
                if (same(other, key)) {
                    return other;
                }
            }
            return Scope.MISSING;
        }

        static void checkHashable(Object key) {
            if (key instanceof List || key instanceof Map || key instanceof View) {
                throw new TemplateError("unhashable type: '" + Values.type(key) + "'");
            }
            if (key instanceof Tuple tuple) {
                tuple.items().forEach(Dict::checkHashable);
            }
        }

        /** Evaluates {@code dict(...)}: from a map or pairs, and named arguments. */
        static Map<Object, Object> of(Arguments arguments) {
            Map<Object, Object> map = new LinkedHashMap<>();
            if (arguments.positional().size() > 1) {
                throw new TemplateError("dict expected at most 1 argument, got "
                        + arguments.positional().size());
            }
            for (Object from : arguments.positional()) {
                if (from instanceof Map<?, ?> other) {
                    other.forEach((key, value) -> put(map, key, value));
                } else {
                    if (from instanceof Undefined undefined) {
                        throw undefined.failure();
                    }
                    if (from instanceof Namespace) {
                        throw new TemplateError("'Namespace' object is not iterable");
                    }
                    Python.iterator(from).forEachRemaining(pair -> {
                        List<Object> two = Python.list(pair);
                        if (two.size() != 2) {
                            throw new TemplateError(
                                    "dictionary update sequence element has length " + two.size() + "; 2 is required");
                        }
                        put(map, two.get(0), two.get(1));
                    });
                }
            }
            arguments.named().forEach((key, value) -> put(map, key, value));
            return map;
        }
    }
}
