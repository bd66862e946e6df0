package nighttrain.io.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Comparisons.Dict;
import nighttrain.io.template.Scope.Variable;
import nighttrain.io.template.Values.Function;
import nighttrain.io.template.Values.Tuple;
import nighttrain.io.template.Values.Undefined;

/** An expression of a template. Each kind has its parts and computes its value. */
sealed interface Expression {
    Object value(Scope scope);

    /** The inner expressions, in order. */
    List<Expression> parts();

    record Constant(Object constant) implements Expression {
        @Override
        public Object value(Scope scope) {
            return constant;
        }

        @Override
        public List<Expression> parts() {
            return List.of();
        }
    }

    record Name(String name, Variable variable) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = variable.get(scope);
            return value == Scope.MISSING ? Undefined.variable(name) : value;
        }

        @Override
        public List<Expression> parts() {
            return List.of();
        }
    }

    record TupleOf(List<Expression> parts) implements Expression {
        @Override
        public Object value(Scope scope) {
            return new Tuple(values(parts, scope));
        }
    }

    record ListOf(List<Expression> parts) implements Expression {
        @Override
        public Object value(Scope scope) {
            return values(parts, scope);
        }
    }

    /** A dict; the parts are keys and values in turn. */
    record DictOf(List<Expression> parts) implements Expression {
        @Override
        public Object value(Scope scope) {
            Map<Object, Object> map = new LinkedHashMap<>();
            for (int i = 0; i < parts.size(); i += 2) {
                Object key = parts.get(i).value(scope);
                Dict.put(map, key, parts.get(i + 1).value(scope));
            }
            return map;
        }
    }

    /** {@code then if test else otherwise}; {@code otherwise} may be null. */
    record Conditional(Expression test, Expression then, Expression otherwise) implements Expression {
        @Override
        public Object value(Scope scope) {
            if (Python.truth(test.value(scope))) {
                return then.value(scope);
            }
            return otherwise != null
                    ? otherwise.value(scope)
                    : new Undefined("the inline if-expression evaluated to false and no else section was defined.");
        }

        @Override
        public List<Expression> parts() {
            return otherwise == null ? List.of(test, then) : List.of(test, then, otherwise);
        }
    }

    record And(Expression left, Expression right) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = left.value(scope);
            return Python.truth(value) ? right.value(scope) : value;
        }

        @Override
        public List<Expression> parts() {
            return List.of(left, right);
        }
    }

    record Or(Expression left, Expression right) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = left.value(scope);
            return Python.truth(value) ? value : right.value(scope);
        }

        @Override
        public List<Expression> parts() {
            return List.of(left, right);
        }
    }

    record Not(Expression operand) implements Expression {
        @Override
        public Object value(Scope scope) {
            return !Python.truth(operand.value(scope));
        }

        @Override
        public List<Expression> parts() {
            return List.of(operand);
        }
    }

    /** {@code first operator second operator third ...}: each operator compares its neighbours. */
    record Comparison(List<Expression> parts, List<String> operators) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object left = parts.get(0).value(scope);
            for (int i = 0; i < operators.size(); i++) {
                Object right = parts.get(i + 1).value(scope);
                if (!Comparisons.holds(left, operators.get(i), right)) {
                    return false;
                }
                left = right;
            }
            return true;
        }
    }

    record Binary(Expression left, String operator, Expression right) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = left.value(scope);
            return Operators.binary(value, operator, right.value(scope));
        }

        @Override
        public List<Expression> parts() {
            return List.of(left, right);
        }
    }

    record Unary(String operator, Expression operand) implements Expression {
        @Override
        public Object value(Scope scope) {
            return Operators.unary(operator, operand.value(scope));
        }

        @Override
        public List<Expression> parts() {
            return List.of(operand);
        }
    }

    /** {@code a ~ b ~ ...}. */
    record Concatenation(List<Expression> parts) implements Expression {
        @Override
        public Object value(Scope scope) {
            StringBuilder text = new StringBuilder();
            for (Expression part : parts) {
                text.append(Python.str(part.value(scope)));
                if (text.length() > RenderBudget.MAX_CHARS) {
                    RenderBudget.checkChars(text.length());
                }
            }
            RenderBudget.checkChars(text.length());
            return text.toString();
        }
    }

    record Attribute(Expression of, String name) implements Expression {
        @Override
        public Object value(Scope scope) {
            return Operators.attribute(of.value(scope), name);
        }

        @Override
        public List<Expression> parts() {
            return List.of(of);
        }
    }

    record Item(Expression of, Expression key) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = of.value(scope);
            return Operators.item(value, key.value(scope));
        }

        @Override
        public List<Expression> parts() {
            return List.of(of, key);
        }
    }

    /** {@code of[start:stop:step]}; each of the three may be null. */
    record Slice(Expression of, Expression start, Expression stop, Expression step) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = of.value(scope);
            Object from = start == null ? null : start.value(scope);
            Object to = stop == null ? null : stop.value(scope);
            return Operators.slice(value, from, to, step == null ? null : step.value(scope));
        }

        @Override
        public List<Expression> parts() {
            List<Expression> parts = new ArrayList<>();
            for (Expression part : new Expression[] {of, start, stop, step}) {
                if (part != null) {
                    parts.add(part);
                }
            }
            return parts;
        }
    }

    /**
     * The arguments of a call, a filter or a test.
     *
     * @param names names of the last {@code names.size()} of {@code given}
     * @param list further positional arguments, or null
     * @param map further named arguments, or null
     */
    record Given(List<Expression> given, List<String> names, Expression list, Expression map) {
        static final Given NONE = new Given(List.of(), List.of(), null, null);

        /** @param first argument before them, or {@link Scope#MISSING} */
        Arguments values(Scope scope, Object first) {
            if (given.isEmpty() && list == null && map == null) {
                return first == Scope.MISSING
                        ? Arguments.NONE
                        : new Arguments(java.util.Collections.singletonList(first), Map.of());
            }
            List<Object> positional = new ArrayList<>(given.size() + 1);
            if (first != Scope.MISSING) {
                positional.add(first);
            }
            int unnamed = given.size() - names.size();
            for (int i = 0; i < unnamed; i++) {
                positional.add(given.get(i).value(scope));
            }
            Map<String, Object> named = names.isEmpty() && map == null ? Map.of() : new LinkedHashMap<>();
            for (int i = 0; i < names.size(); i++) {
                put(named, names.get(i), given.get(unnamed + i).value(scope));
            }
            if (list != null) {
                positional.addAll(Python.list(list.value(scope)));
            }
            if (map != null) {
                if (!(map.value(scope) instanceof Map<?, ?> more)) {
                    throw new TemplateError("argument after ** must be a mapping");
                }
                more.forEach((key, value) -> {
                    if (!Text.is(key)) {
                        throw new TemplateError("keywords must be strings");
                    }
                    put(named, Text.of(key), value);
                });
            }
            return new Arguments(positional, named);
        }

        private static void put(Map<String, Object> named, String name, Object value) {
            if (named.containsKey(name)) {
                throw new TemplateError("got multiple values for keyword argument '" + name + "'");
            }
            named.put(name, value);
        }

        List<Expression> parts() {
            List<Expression> parts = new ArrayList<>(given);
            for (Expression more : new Expression[] {list, map}) {
                if (more != null) {
                    parts.add(more);
                }
            }
            return parts;
        }
    }

    record Call(Expression callee, Given given) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object function = callee.value(scope);
            return call(function, given.values(scope, Scope.MISSING), scope);
        }

        static Object call(Object function, Arguments arguments, Scope scope) {
            scope.rendering.budget.step();
            if (function instanceof Function callable) {
                return callable.call(arguments);
            }
            throw function instanceof Undefined undefined
                    ? undefined.failure()
                    : new TemplateError("'" + Values.type(function) + "' object is not callable");
        }

        @Override
        public List<Expression> parts() {
            return with(callee, given);
        }
    }

    /** {@code of | name(given)}; in a {@code filter} block {@code of} is {@link Captured}. */
    record Filter(Expression of, String name, Given given, int line) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = of.value(scope);
            return Filters.apply(name, given.values(scope, value));
        }

        @Override
        public List<Expression> parts() {
            return with(of, given);
        }
    }

    record Test(Expression of, String name, Given given, int line) implements Expression {
        @Override
        public Object value(Scope scope) {
            Object value = of.value(scope);
            return Filters.TESTS.apply(name, given.values(scope, value));
        }

        @Override
        public List<Expression> parts() {
            return with(of, given);
        }
    }

    /** The text that a block wrote, as input of its filter: the scope's output at that time. */
    record Captured() implements Expression {
        @Override
        public Object value(Scope scope) {
            return scope.out.toString();
        }

        @Override
        public List<Expression> parts() {
            return List.of();
        }
    }

    private static List<Expression> with(Expression first, Given given) {
        List<Expression> parts = new ArrayList<>();
        parts.add(first);
        parts.addAll(given.parts());
        return parts;
    }

    private static List<Object> values(List<Expression> parts, Scope scope) {
        RenderBudget.checkEntries(parts.size());
        List<Object> values = new ArrayList<>(parts.size());
        for (Expression part : parts) {
            values.add(part.value(scope));
        }
        return values;
    }
}
