package nighttrain.io.template;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import nighttrain.io.template.Comparisons.Dict;
import nighttrain.io.template.Values.Function;
import nighttrain.io.template.Values.Range;
import nighttrain.io.template.Values.Undefined;
import nighttrain.io.template.Values.View;

/**
 * Python's methods and attributes of the built-in types. Methods that would change a value exist but are unsafe: as in Jinja2's immutable sandbox,
 * they evaluate to undefined.
 */
final class Methods {
    private static final Set<String> LIST_CHANGES =
            Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
    private static final Set<String> DICT_CHANGES = Set.of("clear", "pop", "popitem", "setdefault", "update");
    private static final Set<String> DICT = Set.of("items", "keys", "values", "get", "copy");
    private static final Set<String> SEQUENCE = Set.of("count", "index");
    private static final Set<String> LIST = Set.of("copy", "count", "index");
    private static final Set<String> INTEGER = Set.of("bit_length", "bit_count", "conjugate", "is_integer");
    private static final Set<String> FLOAT = Set.of("is_integer", "conjugate");

    private Methods() {}

    /** Returns the method or attribute of a value, or {@link Scope#MISSING}. */
    static Object of(Object value, String name) {
        if (Text.is(value)) {
            return bound(value, name, TextMethods.NAMES, TextMethods::call);
        }
        if (value instanceof Map) {
            return DICT_CHANGES.contains(name) ? unsafe(value, name) : bound(value, name, DICT, Methods::ofDict);
        }
        if (value instanceof List) {
            return LIST_CHANGES.contains(name) ? unsafe(value, name) : bound(value, name, LIST, Methods::ofSequence);
        }
        if (value instanceof Range range) {
            return switch (name) {
                case "start" -> range.start();
                case "stop" -> range.stop();
                case "step" -> range.step();
                default -> bound(value, name, SEQUENCE, Methods::ofSequence);
            };
        }
        if (Python.isTuple(value)) {
            return bound(value, name, SEQUENCE, Methods::ofSequence);
        }
        return Numbers.is(value) ? number(value, name) : Scope.MISSING;
    }

    private static Object number(Object value, String name) {
        boolean integer = Numbers.isInteger(value);
        return switch (name) {
            case "real" -> Numbers.positive(value);
            case "imag" -> integer ? (Object) 0L : 0.0;
            case "numerator" -> integer ? Numbers.positive(value) : Scope.MISSING;
            case "denominator" -> integer ? (Object) 1L : Scope.MISSING;
            default -> bound(value, name, integer ? INTEGER : FLOAT, Methods::ofNumber);
        };
    }

    private static Object bound(Object self, String name, Set<String> names, Body body) {
        return names.contains(name) ? new Bound(self, name, body) : Scope.MISSING;
    }

    private static Undefined unsafe(Object value, String name) {
        return new Undefined("access to attribute '" + name + "' of '" + Values.type(value) + "' object is unsafe.");
    }

    @SuppressWarnings("unchecked") // maps of a template hold values of a template
    private static Object ofDict(Object self, String method, Arguments arguments) {
        Map<Object, Object> map = (Map<Object, Object>) self;
        if (method.equals("get")) {
            Object[] bound = arguments.positions("get", 1, 2);
            Object found = Dict.get(map, bound[0]);
            return found != Scope.MISSING ? found : bound[1] == Scope.MISSING ? null : bound[1];
        }
        arguments.positions(method, 0, 0);
        if (method.equals("copy")) {
            RenderBudget.checkEntries(map.size());
            return new LinkedHashMap<>(map);
        }
        return new View(method, map);
    }

    private static Object ofNumber(Object self, String method, Arguments arguments) {
        arguments.positions(method, 0, 0);
        return switch (method) {
            case "bit_length" -> (long) Numbers.big(self).abs().bitLength();
            case "bit_count" -> (long) Numbers.big(self).abs().bitCount();
            case "is_integer" -> !(self instanceof Double real) || (Double.isFinite(real) && real == Math.rint(real));
            default -> Numbers.positive(self);
        };
    }

    private static Object ofSequence(Object self, String method, Arguments arguments) {
        if (method.equals("copy")) {
            arguments.positions(method, 0, 0);
            return Python.list(self);
        }
        Object[] bound = arguments.positions(method, 1, method.equals("index") ? 3 : 1);
        List<Object> items = Python.list(self);
        if (method.equals("count")) {
            return items.stream()
                    .filter(item -> Comparisons.same(item, bound[0]))
                    .count();
        }
        long from = bound[1] == Scope.MISSING ? 0 : Numbers.index(bound[1], "index");
        long to = bound[2] == Scope.MISSING ? items.size() : Numbers.index(bound[2], "index");
        from = from < 0 ? Math.max(0, from + items.size()) : from;
        to = Math.min(items.size(), to < 0 ? to + items.size() : to);
        for (long i = from; i < to; i++) {
            RenderBudget.count();
            if (Comparisons.same(items.get((int) i), bound[0])) {
                return i;
            }
        }
        throw new TemplateError(Python.repr(bound[0]) + " is not in " + Values.type(self));
    }

    /** The implementation of a type's methods. */
    interface Body {
        Object call(Object self, String method, Arguments arguments);
    }

    /** A method of a value. */
    record Bound(Object self, String method, Body body) implements Function {
        @Override
        public String name() {
            return "built-in method " + method + " of " + Values.type(self) + " object";
        }

        @Override
        public Object call(Arguments arguments) {
            return body.call(self, method, arguments);
        }
    }
}
