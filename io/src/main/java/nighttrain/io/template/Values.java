package nighttrain.io.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;

/**
 * Python's values in Java: None is null, True and False are Boolean, int is Long or (only where that is too small) BigInteger, float is Double, str
 * is String or {@link Markup}, list is List, dict is Map in insertion order; tuple and the other types below have types of their own. A value never
 * changes once it is made, except namespaces and iterators.
 */
final class Values {
    private Values() {}

    /** Returns the name of a value's type. */
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

    /** A tuple. */
    record Tuple(List<Object> items) {
        static Tuple of(Object... items) {
            List<Object> list = new ArrayList<>(items.length);
            Collections.addAll(list, items);
            return new Tuple(list);
        }
    }

    /** A tuple of the filter {@code groupby}, whose items have names. */
    record Group(Object grouper, List<Object> list) {
        Tuple tuple() {
            return Tuple.of(grouper, list);
        }
    }

    /** {@code range(start, stop, step)}: its items are computed. */
    record Range(long start, long stop, long step) {
        /** Limit of Jinja2's sandbox. */
        private static final long MAX_LENGTH = 100_000;

        static Range of(long start, long stop, long step) {
            if (step == 0) {
                throw new TemplateError("range() arg 3 must not be zero");
            }
            Range range = new Range(start, stop, step);
            if (range.wideLength().compareTo(BigInteger.valueOf(MAX_LENGTH)) > 0) {
                throw new TemplateError("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
            }
            return range;
        }

        private BigInteger wideLength() {
            BigInteger span = BigInteger.valueOf(stop).subtract(BigInteger.valueOf(start));
            BigInteger by = BigInteger.valueOf(step);
            if (span.signum() * by.signum() <= 0) {
                return BigInteger.ZERO;
            }
            return span.abs().add(by.abs()).subtract(BigInteger.ONE).divide(by.abs());
        }

        int length() {
            return wideLength().intValueExact();
        }

        Object get(int index) {
            return start + index * step;
        }
    }

    /** {@code dict.keys()}, {@code dict.values()} or {@code dict.items()}. */
    record View(String kind, Map<Object, Object> map) {
        Iterator<Object> iterator() {
            return switch (kind) {
                case "keys" -> map.keySet().iterator();
                case "values" -> map.values().iterator();
                default -> {
                    Iterator<Map.Entry<Object, Object>> entries = map.entrySet().iterator();
                    yield iterate(entries::hasNext, () -> {
                        Map.Entry<Object, Object> entry = entries.next();
                        return Tuple.of(entry.getKey(), entry.getValue());
                    });
                }
            };
        }
    }

    /** A generator or other iterator: it has no length and can be read once. */
    record Generator(String name, Iterator<Object> items) {}

    /** {@code namespace(...)}: the only value whose attributes a template can set. */
    record Namespace(Map<Object, Object> attributes) {}

    /** A value that can be called. */
    interface Function {
        Object call(Arguments arguments);

        /** The name that it prints. */
        default String name() {
            return "function";
        }
    }

    /** A function of the environment. */
    record Builtin(String name, java.util.function.Function<Arguments, Object> body) implements Function {
        @Override
        public Object call(Arguments arguments) {
            return body.apply(arguments);
        }
    }

    /** A value with computed attributes, such as the state of a {@code for} loop, and optionally a length. */
    interface Attributes {
        /** Returns the attribute, or {@link Scope#MISSING}. */
        Object attribute(String name);

        /** Returns {@code len}, or -1 where it has none. */
        default int length() {
            return -1;
        }
    }

    /** Returns an iterator made of two lambdas. */
    static Iterator<Object> iterate(
            java.util.function.BooleanSupplier hasNext, java.util.function.Supplier<Object> next) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return hasNext.getAsBoolean();
            }

            @Override
            public Object next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return next.get();
            }
        };
    }

    /** Text made by the filters {@code safe} and {@code escape}: anything combined with it is escaped for HTML first. */
    record Markup(String text) {
        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * The value of something that does not exist. It prints as nothing, is false and has no items; any other use fails.
     *
     * @param reason reason for the failure's message
     */
    record Undefined(String reason) {
        /** Returns the value of a variable that was never set. */
        static Undefined variable(String name) {
            return new Undefined("'" + name + "' is undefined");
        }

        TemplateError failure() {
            return new TemplateError(reason);
        }

        /** As in Jinja2, any two are equal. */
        @Override
        public boolean equals(Object other) {
            return other instanceof Undefined;
        }

        @Override
        public int hashCode() {
            return 1;
        }
    }
}
