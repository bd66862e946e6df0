package nighttrain.io.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import java.util.function.Predicate;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;

/**
 * The meaning of a JSON Schema for a value, with references resolved. {@link JsonTexts} writes some of the texts that satisfy a shape, not all (no
 * white space, properties in order). {@link #accepts} and {@link #disjoint} test values, as validators do.
 */
sealed interface Shape {
    /** Constants, in a class of their own: an interface that creates its own subtypes while it is initialised may deadlock. */
    final class Known {
        static final Shape NEVER = new Either(List.of());
        static final Shape ANY = new Any();
        static final Shape ANY_OBJECT = new Obj(Map.of(), ANY, true);
        static final Text ANY_TEXT = new Text(0, null, List.of(), Set.of());
        static final Shape ANY_NUMBER = new Numeric(false, null, null, null);
        static final Shape ANY_ARRAY = new Array(List.of(), ANY, 0, null, true);

        private Known() {}
    }

    /** Any value. */
    record Any() implements Shape {}

    /** Values of an enclosing schema. Only {@link JsonType} uses it. */
    record Self() implements Shape {}

    /** One of the listed values. */
    record Literals(List<JsonNode> values) implements Shape {}

    /**
     * Strings.
     *
     * @param most greatest length, in characters; null without limit
     * @param patterns expressions, each of which must match somewhere in the text
     * @param formats names of {@link Formats}
     */
    record Text(int least, Integer most, List<Regex> patterns, Set<String> formats) implements Shape {
        private static final int MAX_LENGTH = 10_000;

        private static final Automaton ANY =
                new Regex.Repeat(new Regex.One(CodePoints.ALL), 0, Regex.UNBOUNDED).whole();

        /** Returns the string values, without JSON's quotes and escapes. */
        Automaton values() {
            Automaton all = ANY;
            if (least > 0 || most != null) {
                if (Math.max(least, most == null ? 0 : most) > MAX_LENGTH) {
                    throw Limits.exceeded(
                            "text of " + (most == null ? least : most) + " characters", "at most " + MAX_LENGTH);
                }
                all = new Regex.Repeat(new Regex.One(CodePoints.ALL), least, most == null ? Regex.UNBOUNDED : most)
                        .whole();
            }
            for (Regex pattern : patterns) {
                all = Limits.intersection(pattern.somewhere(), all);
            }
            for (String format : formats) {
                all = Limits.intersection(Formats.of(format), all);
            }
            return all;
        }

        /** Returns a test of values; for many of them the automaton is made once. */
        Predicate<JsonNode> acceptor() {
            Automaton all = values();
            return value -> value.isTextual() && Operations.run(all, value.textValue());
        }

        boolean isAny() {
            return least == 0 && most == null && patterns.isEmpty() && formats.isEmpty();
        }
    }

    record Bound(BigDecimal value, boolean strict) {
        Bound negated() {
            return new Bound(value.negate(), strict);
        }
    }

    /** Numbers; bounds and multipleOf are null where there are none. */
    record Numeric(boolean whole, Bound least, Bound most, BigDecimal multipleOf) implements Shape {
        boolean isEmptyRange() {
            if (least == null || most == null) {
                return false;
            }
            int order = least.value.compareTo(most.value);
            return order > 0 || (order == 0 && (least.strict || most.strict));
        }
    }

    /**
     * Lists.
     *
     * @param items shape of the items after {@code first}
     * @param most greatest number of items; null without limit
     * @param writesItems whether more items may be written than {@code first} and {@code least} require
     */
    record Array(List<Shape> first, Shape items, int least, Integer most, boolean writesItems) implements Shape {
        Shape item(int index) {
            return index < first.size() ? first.get(index) : items;
        }
    }

    /**
     * Objects.
     *
     * @param properties properties in the order in which they are written
     * @param others shape of the properties that are not named
     * @param writesOthers whether properties that are not named may be written
     */
    record Obj(Map<String, Property> properties, Shape others, boolean writesOthers) implements Shape {
        public Obj {
            properties = new LinkedHashMap<>(properties);
        }

        Shape property(String name) {
            return properties.containsKey(name) ? properties.get(name).shape : others;
        }

        boolean requires(String name) {
            return properties.containsKey(name) && properties.get(name).required;
        }
    }

    record Property(Shape shape, boolean required) {}

    /** Values that satisfy any of the cases. */
    record Either(List<Shape> cases) implements Shape {}

    default boolean isNever() {
        return this instanceof Either either && either.cases.isEmpty();
    }

    /** Returns the number of cases; 1 if there is no choice. */
    default int caseCount() {
        return this instanceof Either either ? either.cases.size() : 1;
    }

    static Shape either(List<Shape> cases) {
        List<Shape> all = new ArrayList<>();
        for (Shape each : cases) {
            if (each instanceof Either inner) {
                all.addAll(inner.cases);
            } else {
                all.add(each);
            }
        }
        return all.size() == 1 ? all.get(0) : new Either(all);
    }

    /** Returns the values that satisfy both shapes. */
    static Shape both(Shape a, Shape b) {
        if (a instanceof Self || b instanceof Self) {
            return new Self();
        }
        if (a instanceof Any || b.isNever()) {
            return b;
        }
        if (b instanceof Any || a.isNever()) {
            return a;
        }
        Limits.checkCases((long) a.caseCount() * b.caseCount());
        if (a instanceof Either either) {
            return either(either.cases.stream().map(each -> both(each, b)).toList());
        }
        if (b instanceof Either either) {
            return either(either.cases.stream().map(each -> both(a, each)).toList());
        }
        if (a instanceof Literals literals) {
            return literals(literals, b);
        }
        if (b instanceof Literals literals) {
            return literals(literals, a);
        }
        if (a instanceof Text x && b instanceof Text y) {
            List<Regex> patterns = new ArrayList<>(x.patterns);
            patterns.addAll(y.patterns);
            Set<String> formats = new TreeSet<>(x.formats);
            formats.addAll(y.formats);
            return sized(new Text(Math.max(x.least, y.least), least(x.most, y.most), patterns, formats));
        }
        if (a instanceof Numeric x && b instanceof Numeric y) {
            return number(x, y);
        }
        if (a instanceof Array x && b instanceof Array y) {
            List<Shape> first = new ArrayList<>();
            for (int i = 0; i < Math.max(x.first.size(), y.first.size()); i++) {
                first.add(both(x.item(i), y.item(i)));
            }
            return sized(new Array(
                    first,
                    both(x.items, y.items),
                    Math.max(x.least, y.least),
                    least(x.most, y.most),
                    x.writesItems && y.writesItems));
        }
        if (a instanceof Obj x && b instanceof Obj y) {
            Map<String, Property> properties = new LinkedHashMap<>();
            x.properties.forEach((name, p) -> properties.put(
                    name, new Property(both(p.shape, y.property(name)), p.required || y.requires(name))));
            y.properties.forEach((name, p) ->
                    properties.putIfAbsent(name, new Property(both(p.shape, x.property(name)), p.required)));
            return new Obj(properties, both(x.others, y.others), x.writesOthers && y.writesOthers);
        }
        return Known.NEVER;
    }

    private static Shape sized(Text text) {
        return text.most != null && text.most < text.least ? Known.NEVER : text;
    }

    private static Shape sized(Array array) {
        return array.most != null && array.most < array.least ? Known.NEVER : array;
    }

    private static Integer least(Integer a, Integer b) {
        return a == null ? b : b == null ? a : Integer.valueOf(Math.min(a, b));
    }

    private static Shape literals(Literals literals, Shape other) {
        List<JsonNode> left = accepted(literals, other);
        return left.isEmpty() ? Known.NEVER : new Literals(left);
    }

    private static List<JsonNode> accepted(Literals literals, Shape by) {
        Predicate<JsonNode> accepts = by instanceof Text text ? text.acceptor() : by::accepts;
        return literals.values.stream().filter(accepts).toList();
    }

    private static Shape number(Numeric x, Numeric y) {
        Bound least = tighter(x.least, y.least, (a, b) -> a.value.compareTo(b.value) > 0);
        Bound most = tighter(x.most, y.most, (a, b) -> a.value.compareTo(b.value) < 0);
        BigDecimal multipleOf = x.multipleOf == null ? y.multipleOf : x.multipleOf;
        if (x.multipleOf != null && y.multipleOf != null) {
            multipleOf = commonMultiple(x.multipleOf, y.multipleOf);
        }
        Numeric both = new Numeric(x.whole || y.whole, least, most, multipleOf);
        return both.isEmptyRange() ? Known.NEVER : both;
    }

    private static Bound tighter(Bound a, Bound b, BiPredicate<Bound, Bound> isTighter) {
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        return isTighter.test(a, b) || (a.value.compareTo(b.value) == 0 && a.strict) ? a : b;
    }

    private static BigDecimal commonMultiple(BigDecimal a, BigDecimal b) {
        int places = Math.max(0, Math.max(a.scale(), b.scale()));
        var x = a.setScale(places).unscaledValue();
        var y = b.setScale(places).unscaledValue();
        return new BigDecimal(x.multiply(y).divide(x.gcd(y)), places);
    }

    /** Whether a value satisfies this shape; the value need not be one that {@link JsonTexts} writes. */
    default boolean accepts(JsonNode value) {
        if (this instanceof Any || this instanceof Self) {
            return true;
        }
        if (this instanceof Either either) {
            return either.cases.stream().anyMatch(each -> each.accepts(value));
        }
        if (this instanceof Literals literals) {
            return literals.values.stream().anyMatch(each -> equal(each, value));
        }
        if (this instanceof Text text) {
            return text.acceptor().test(value);
        }
        if (this instanceof Numeric number) {
            return value.isNumber() && accepts(number, value.decimalValue());
        }
        if (this instanceof Array array) {
            boolean sized = value.isArray()
                    && value.size() >= array.least
                    && (array.most == null || value.size() <= array.most);
            for (int i = 0; sized && i < value.size(); i++) {
                sized = array.item(i).accepts(value.get(i));
            }
            return sized;
        }
        Obj object = (Obj) this;
        return value.isObject()
                && object.properties.entrySet().stream().allMatch(p -> !p.getValue().required || value.has(p.getKey()))
                && value.properties().stream()
                        .allMatch(p -> object.property(p.getKey()).accepts(p.getValue()));
    }

    private static boolean accepts(Numeric number, BigDecimal value) {
        boolean whole = !number.whole || value.stripTrailingZeros().scale() <= 0;
        boolean multiple = number.multipleOf == null || isMultiple(value, number.multipleOf);
        boolean above = number.least == null || compare(value, number.least) > 0;
        boolean below = number.most == null || compare(number.most.value, new Bound(value, number.most.strict)) > 0;
        return whole && multiple && above && below;
    }

    /** Whether a value, whose exponent may be too large to write its digits, is a multiple of a number above 0. */
    private static boolean isMultiple(BigDecimal value, BigDecimal of) {
        BigDecimal digits = value.stripTrailingZeros();
        long zeros = (long) of.scale() - digits.scale();
        return digits.signum() == 0
                || (zeros >= 0
                        && BigInteger.TEN
                                        .modPow(BigInteger.valueOf(zeros), of.unscaledValue())
                                        .multiply(digits.unscaledValue())
                                        .mod(of.unscaledValue())
                                        .signum()
                                == 0);
    }

    /** Returns a number above 0 where {@code value} satisfies a lower bound. */
    private static int compare(BigDecimal value, Bound least) {
        int order = value.compareTo(least.value);
        return order == 0 && !least.strict ? 1 : order;
    }

    /** Compares numbers by value: 1 equals 1.0. */
    static boolean equal(JsonNode a, JsonNode b) {
        return a.equals(
                (x, y) -> x.isNumber() && y.isNumber()
                        ? x.decimalValue().compareTo(y.decimalValue())
                        : x.equals(y) ? 0 : 1,
                b);
    }

    /**
     * Whether no text written for either shape satisfies the other, as far as that can be known; {@code false} where it is unknown. Texts of one
     * shape may satisfy the other with properties that the other does not name.
     */
    static boolean disjoint(Shape a, Shape b) {
        if (a.isNever() || b.isNever()) {
            return true;
        }
        if (a instanceof Any || b instanceof Any) {
            return false;
        }
        if (a instanceof Either either) {
            return either.cases.stream().allMatch(each -> disjoint(each, b));
        }
        if (b instanceof Either) {
            return disjoint(b, a);
        }
        if (a instanceof Literals literals) {
            return accepted(literals, b).isEmpty();
        }
        if (b instanceof Literals) {
            return disjoint(b, a);
        }
        if (a instanceof Text x && b instanceof Text y) {
            // A format accepts more texts than are written for it.
            return x.formats.isEmpty()
                    && y.formats.isEmpty()
                    && Limits.intersection(x.values(), y.values()).getNumStates() == 0;
        }
        if (a instanceof Numeric x && b instanceof Numeric y) {
            Numeric ranges = new Numeric(
                    false,
                    tighter(x.least, y.least, (p, q) -> p.value.compareTo(q.value) > 0),
                    tighter(x.most, y.most, (p, q) -> p.value.compareTo(q.value) < 0),
                    null);
            return ranges.isEmptyRange();
        }
        if (a instanceof Array x && b instanceof Array y) {
            boolean sizes = (x.most != null && x.most < y.least) || (y.most != null && y.most < x.least);
            boolean item = false;
            for (int i = 0; !sizes && !item && i < Math.min(8, Math.min(x.least, y.least)); i++) {
                item = disjoint(x.item(i), y.item(i));
            }
            return sizes || item;
        }
        if (a instanceof Obj x && b instanceof Obj y) {
            return distinguished(x, y) || (refuses(x, y) && refuses(y, x));
        }
        return true;
    }

    /** Whether a property that both require has disjoint shapes. */
    private static boolean distinguished(Obj x, Obj y) {
        return x.properties.keySet().stream()
                .anyMatch(name -> x.requires(name) && y.requires(name) && disjoint(x.property(name), y.property(name)));
    }

    /**
     * Whether {@code reader} accepts no text written for {@code writer}: a property is missing, or a required property of {@code writer} does not
     * fit.
     */
    private static boolean refuses(Obj reader, Obj writer) {
        boolean misses = !writer.writesOthers
                && reader.properties.keySet().stream()
                        .anyMatch(name -> reader.requires(name) && !writer.properties.containsKey(name));
        return misses
                || writer.properties.keySet().stream()
                        .anyMatch(name ->
                                writer.requires(name) && disjoint(writer.property(name), reader.property(name)));
    }
}
