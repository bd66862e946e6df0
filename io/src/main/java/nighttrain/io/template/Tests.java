package nighttrain.io.template;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;
import nighttrain.io.template.Comparisons.Dict;
import nighttrain.io.template.Values.Markup;
import nighttrain.io.template.Values.Undefined;

/** Jinja2's tests: what follows {@code is}. */
final class Tests {
    /** The body of a test. In Jinja2 a comparison as a test returns the operator's value, which is always a bool here. */
    private interface Body {
        boolean test(Object value, Arguments arguments);
    }

    private final Map<String, Body> all = new HashMap<>();

    /** Creates the tests; {@code isFilter} tells whether a filter of a name exists. */
    Tests(Predicate<Object> isFilter) {
        plain("defined", value -> !(value instanceof Undefined));
        plain("undefined", value -> value instanceof Undefined);
        plain("none", value -> value == null);
        plain("boolean", value -> value instanceof Boolean);
        plain("true", value -> value instanceof Boolean bool && bool);
        plain("false", value -> value instanceof Boolean bool && !bool);
        plain("integer", value -> Numbers.isInteger(value) && !(value instanceof Boolean));
        plain("float", value -> value instanceof Double);
        plain("number", Numbers::is);
        plain("string", Text::is);
        plain("mapping", value -> value instanceof Map);
        plain("sequence", value -> Python.isSequence(value));
        plain("iterable", value -> Python.isIterable(value));
        plain("callable", value -> value instanceof Values.Function || value instanceof Undefined);
        plain("lower", value -> Text.isLower(Python.str(value)));
        plain("upper", value -> Text.isUpper(Python.str(value)));
        plain("escaped", value -> value instanceof Markup);
        plain("odd", value -> Comparisons.equal(Operators.binary(value, "%", 2L), 1L));
        plain("even", value -> Comparisons.equal(Operators.binary(value, "%", 2L), 0L));
        plain("filter", value -> known(value, isFilter));
        plain("test", value -> known(value, this::exists));
        binary("divisibleby", "num", (value, by) -> Comparisons.equal(Operators.binary(value, "%", by), 0L));
        binary("sameas", "other", Tests::sameAs);
        binary("in", "seq", (value, sequence) -> Comparisons.contains(sequence, value));
        comparison("==", "==", "eq", "equalto");
        comparison("!=", "!=", "ne");
        comparison(">", ">", "gt", "greaterthan");
        comparison(">=", ">=", "ge");
        comparison("<", "<", "lt", "lessthan");
        comparison("<=", "<=", "le");
    }

    private void plain(String name, Predicate<Object> test) {
        all.put(name, (value, arguments) -> {
            arguments.bind(name, 0);
            return test.test(value);
        });
    }

    private void binary(String name, String parameter, java.util.function.BiPredicate<Object, Object> test) {
        all.put(name, (value, arguments) -> test.test(value, arguments.bind(name, 1, parameter)[0]));
    }

    private void comparison(String operator, String... names) {
        for (String name : names) {
            all.put(
                    name,
                    (value, arguments) ->
                            Comparisons.holds(value, operator, arguments.positions(name, 1, 1)[0]));
        }
    }

    boolean exists(Object name) {
        return Text.is(name) && all.containsKey(Text.of(name));
    }

    private static boolean known(Object name, Predicate<Object> isOne) {
        Dict.checkHashable(name);
        return isOne.test(name);
    }

    /** Returns the value of a test; the first positional argument is its input. */
    Object apply(Object name, Arguments arguments) {
        if (!exists(name)) {
            throw new TemplateError("No test named " + Python.repr(name) + ".");
        }
        return all.get(Text.of(name)).test(arguments.positional().get(0), arguments.rest());
    }

    /** Evaluates Python's {@code is}: small ints and constants are one object each. */
    private static boolean sameAs(Object value, Object other) {
        if (value instanceof Long a && other instanceof Long b) {
            return a.equals(b) && a >= -5 && a <= 256;
        }
        if (value instanceof Boolean && other instanceof Boolean) {
            return value.equals(other);
        }
        return value == other || (value instanceof String && value.equals(other));
    }
}
