package nighttrain.io.template;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.template.Comparisons.Dict;
import nighttrain.io.template.Scope.Frame;
import nighttrain.io.template.Scope.Variable;
import nighttrain.io.template.Values.Function;
import nighttrain.io.template.Values.Namespace;
import nighttrain.io.template.Values.Undefined;

/** A statement of a template. Each kind knows how to run itself. */
sealed interface Statement {
    /** What runs next. */
    enum Next {
        FOLLOWING,
        BREAK,
        CONTINUE
    }

    Next run(Scope scope);

    /** Runs all statements, up to a break or continue. */
    static Next runAll(List<Statement> body, Scope scope) {
        for (Statement statement : body) {
            scope.rendering.budget.step();
            Next next = statement.run(scope);
            if (next != Next.FOLLOWING) {
                return next;
            }
        }
        return Next.FOLLOWING;
    }

    /** Returns what a block writes: unlike printed values, it has to be a text. */
    private static String text(Object value) {
        if (!Text.is(value)) {
            throw new TemplateError("expected str instance, " + Values.type(value) + " found");
        }
        return Text.of(value);
    }

    /** Text written unchanged. */
    record Data(String text) implements Statement {
        @Override
        public Next run(Scope scope) {
            scope.write(text);
            return Next.FOLLOWING;
        }
    }

    record Print(Expression value, int line) implements Statement {
        @Override
        public Next run(Scope scope) {
            scope.rendering.line = line;
            scope.write(Python.str(value.value(scope)));
            return Next.FOLLOWING;
        }
    }

    record Set(Target target, Expression value, int line) implements Statement {
        @Override
        public Next run(Scope scope) {
            scope.rendering.line = line;
            target.assign(scope, value.value(scope));
            return Next.FOLLOWING;
        }
    }

    /** {@code {% set target | filter %}body{% endset %}}; the filter, if any, has {@link Expression.Captured} inside. */
    record SetBlock(Target target, Expression filter, List<Statement> body, Frame frame, int line)
            implements Statement {
        @Override
        public Next run(Scope scope) {
            StringBuilder outer = scope.out;
            scope.out = new StringBuilder();
            try {
                frame.enter(scope);
                Next next = runAll(body, scope);
                if (next != Next.FOLLOWING) {
                    return next;
                }
                scope.rendering.line = line;
                target.assign(scope, filter == null ? scope.out.toString() : filter.value(scope));
                return Next.FOLLOWING;
            } finally {
                scope.out = outer;
            }
        }
    }

    record FilterBlock(Expression filter, List<Statement> body, Frame frame, int line) implements Statement {
        @Override
        public Next run(Scope scope) {
            StringBuilder outer = scope.out;
            scope.out = new StringBuilder();
            try {
                frame.enter(scope);
                Next next = runAll(body, scope);
                if (next != Next.FOLLOWING) {
                    return next;
                }
                scope.rendering.line = line;
                String filtered = text(filter.value(scope));
                scope.out = outer;
                scope.write(filtered);
                return Next.FOLLOWING;
            } finally {
                scope.out = outer;
            }
        }
    }

    /** A condition and its body; {@code otherwise} holds the rest of the chain. */
    record If(Expression test, List<Statement> body, List<Statement> otherwise, int line) implements Statement {
        @Override
        public Next run(Scope scope) {
            scope.rendering.line = line;
            return runAll(Python.truth(test.value(scope)) ? body : otherwise, scope);
        }
    }

    record With(List<Target> targets, List<Expression> values, List<Statement> body, Frame frame, int line)
            implements Statement {
        @Override
        public Next run(Scope scope) {
            scope.rendering.line = line;
            frame.enter(scope);
            for (int i = 0; i < targets.size(); i++) {
                targets.get(i).assign(scope, values.get(i).value(scope));
            }
            return runAll(body, scope);
        }
    }

    record Break() implements Statement {
        @Override
        public Next run(Scope scope) {
            return Next.BREAK;
        }
    }

    record Continue() implements Statement {
        @Override
        public Next run(Scope scope) {
            return Next.CONTINUE;
        }
    }

    /**
     * A loop.
     *
     * @param test condition on items, or null for all
     * @param loop the variable {@code loop}, or null where the body does not use it
     * @param function frame of a recursive loop's own function, else null
     */
    record For(
            Target target,
            Expression iterable,
            Expression test,
            List<Statement> body,
            List<Statement> otherwise,
            Variable loop,
            Frame function,
            Frame testFrame,
            Target testTarget,
            Frame bodyFrame,
            Frame otherwiseFrame,
            int line)
            implements Statement {
        @Override
        public Next run(Scope scope) {
            scope.rendering.line = line;
            Object items = iterable.value(scope);
            if (function == null) {
                return run(scope, items, null, 0);
            }
            scope.write(new Recursion(this, scope).render(items, 0));
            return Next.FOLLOWING;
        }

        private Next run(Scope scope, Object items, Function recursion, long depth) {
            Iterator<Object> all = Python.iterator(items);
            if (test != null) {
                testFrame.enter(scope);
                all = new Tested(this, scope, all);
            }
            Loop state = new Loop(test == null ? Python.lengthOrNone(items) : -1, all, recursion, depth);
            boolean otherwiseRuns = true;
            Next next = Next.FOLLOWING;
            while (next != Next.BREAK && state.hasNext()) {
                scope.rendering.budget.step();
                Object item = state.next();
                bodyFrame.enter(scope);
                if (loop != null) {
                    loop.set(scope, state);
                }
                target.assign(scope, item);
                next = runAll(body, scope);
                // As in Jinja2: items at which the body was left early do not count.
                otherwiseRuns &= next != Next.FOLLOWING;
            }
            if (!otherwiseRuns || otherwise.isEmpty()) {
                return Next.FOLLOWING;
            }
            otherwiseFrame.enter(scope);
            return runAll(otherwise, scope);
        }

        /** The items that pass the test, evaluated when they are requested. */
        private static final class Tested implements Iterator<Object> {
            private final For loop;
            private final Scope scope;
            private final Iterator<Object> items;
            private Object next = Scope.MISSING;

            Tested(For loop, Scope scope, Iterator<Object> items) {
                this.loop = loop;
                this.scope = scope;
                this.items = items;
            }

            @Override
            public boolean hasNext() {
                while (next == Scope.MISSING && items.hasNext()) {
                    scope.rendering.budget.step();
                    Object item = items.next();
                    loop.testTarget.assign(scope, item);
                    if (Python.truth(loop.test.value(scope))) {
                        next = item;
                    }
                }
                return next != Scope.MISSING;
            }

            @Override
            public Object next() {
                if (!hasNext()) {
                    throw new java.util.NoSuchElementException();
                }
                Object item = next;
                next = Scope.MISSING;
                return item;
            }
        }

        /** A recursive loop as a function of its items. */
        private record Recursion(For loop, Scope outer) implements Function {
            @Override
            public Object call(Arguments arguments) {
                return render(arguments.positional().get(0), (Long)
                        arguments.positional().get(1));
            }

            String render(Object items, long depth) {
                outer.rendering.budget.enterCall();
                Scope scope = new Scope(loop.function.slots(), outer, outer.rendering);
                loop.run(scope, items, this, depth);
                outer.rendering.budget.leaveCall();
                return scope.out.toString();
            }
        }
    }

    /** The parameters and the body of a macro or of a {@code call} block. */
    record Definition(
            String name, List<Parameter> parameters, Special special, List<Statement> body, Frame frame, int line) {}

    /**
     * A parameter.
     *
     * @param standard default of the parameter, or null
     */
    record Parameter(String name, Variable variable, Expression standard) {}

    /** The special variables that a body reads besides its parameters; null for those that it does not read. {@link Binder} fills it. */
    final class Special {
        Variable caller;
        Variable kwargs;
        Variable varargs;
    }

    record MacroDefinition(Target.ToName target, Definition definition) implements Statement {
        @Override
        public Next run(Scope scope) {
            target.assign(scope, new Macro(definition, scope));
            return Next.FOLLOWING;
        }
    }

    /** {@code {% call(parameters) call %}body{% endcall %}}. */
    record CallBlock(Expression.Call call, Definition caller, int line) implements Statement {
        @Override
        public Next run(Scope scope) {
            scope.rendering.line = line;
            Macro macro = new Macro(caller, scope);
            Object function = call.callee().value(scope);
            Arguments given = call.given().values(scope, Scope.MISSING);
            Map<String, Object> named = new LinkedHashMap<>(given.named());
            if (named.put("caller", macro) != null) {
                throw new TemplateError("got multiple values for keyword argument 'caller'");
            }
            scope.write(text(Expression.Call.call(function, new Arguments(given.positional(), named), scope)));
            return Next.FOLLOWING;
        }
    }

    /** {@code {% generation %}}: marks the assistant's words for training. For generation it only runs its body. */
    record Generation(Definition body) implements Statement {
        @Override
        public Next run(Scope scope) {
            scope.write((String) new Macro(body, scope).call(Arguments.NONE));
            return Next.FOLLOWING;
        }
    }

    /** A macro as a value: its definition, and the scope in which it was defined. */
    record Macro(Definition definition, Scope outer) implements Function, Values.Attributes {
        @Override
        public String name() {
            return "Macro " + (definition.name() == null ? "anonymous" : Python.repr(definition.name()));
        }

        @Override
        public Object attribute(String name) {
            return switch (name) {
                case "name" -> definition.name();
                case "arguments" ->
                    new Values.Tuple(new ArrayList<>(definition.parameters().stream()
                            .map(Parameter::name)
                            .toList()));
                case "caller" -> definition.special().caller != null;
                case "catch_kwargs" -> definition.special().kwargs != null;
                case "catch_varargs" -> definition.special().varargs != null;
                default -> Scope.MISSING;
            };
        }

        @Override
        public Object call(Arguments arguments) {
            Scope.Rendering rendering = outer.rendering;
            rendering.budget.enterCall();
            int line = rendering.line;
            Scope scope = new Scope(definition.frame().slots(), outer, rendering);
            definition.frame().enter(scope);
            bind(arguments, scope);
            runAll(definition.body(), scope);
            rendering.budget.leaveCall();
            rendering.line = line;
            return scope.out.toString();
        }

        private void bind(Arguments arguments, Scope scope) {
            List<Parameter> parameters = definition.parameters();
            List<Object> positional = arguments.positional();
            Map<String, Object> named = new LinkedHashMap<>(arguments.named());
            boolean foundCaller = false;
            for (int i = 0; i < parameters.size(); i++) {
                Parameter parameter = parameters.get(i);
                foundCaller |= parameter.name().equals("caller");
                Object value = i < positional.size() ? positional.get(i) : Scope.MISSING;
                if (value == Scope.MISSING && named.containsKey(parameter.name())) {
                    value = named.remove(parameter.name());
                }
                parameter.variable().set(scope, value);
            }
            Special special = definition.special();
            if (special.caller != null && !foundCaller) {
                Object caller = named.remove("caller");
                special.caller.set(scope, caller == null ? new Undefined("No caller defined") : caller);
            }
            if (special.kwargs != null) {
                special.kwargs.set(scope, new LinkedHashMap<Object, Object>(named));
            } else if (!named.isEmpty()) {
                throw new TemplateError("macro " + Python.repr(definition.name()) + " takes no keyword argument "
                        + Python.repr(named.keySet().iterator().next()));
            }
            if (special.varargs != null) {
                int from = Math.min(parameters.size(), positional.size());
                special.varargs.set(
                        scope, new Values.Tuple(new ArrayList<>(positional.subList(from, positional.size()))));
            } else if (positional.size() > parameters.size()) {
                throw new TemplateError("macro " + Python.repr(definition.name()) + " takes not more than "
                        + parameters.size() + " argument(s)");
            }
            for (Parameter parameter : parameters) {
                if (parameter.variable().get(scope) == Scope.MISSING) {
                    parameter
                            .variable()
                            .set(
                                    scope,
                                    parameter.standard() == null
                                            ? new Undefined(
                                                    "parameter " + Python.repr(parameter.name()) + " was not provided")
                                            : parameter.standard().value(scope));
                }
            }
        }
    }

    /** The target of an assignment. */
    sealed interface Target {
        void assign(Scope scope, Object value);

        record ToName(String name, Variable variable) implements Target {
            @Override
            public void assign(Scope scope, Object value) {
                variable.set(scope, value);
            }
        }

        /** An attribute of a namespace. */
        record ToAttribute(String name, String attribute, Variable variable) implements Target {
            @Override
            public void assign(Scope scope, Object value) {
                if (!(variable.get(scope) instanceof Namespace namespace)) {
                    throw new TemplateError("cannot assign attribute on non-namespace object");
                }
                Dict.put(namespace.attributes(), attribute, value);
            }
        }

        record ToTuple(List<Target> targets) implements Target {
            @Override
            public void assign(Scope scope, Object value) {
                List<Object> values = new ArrayList<>();
                Iterator<Object> items = Python.iterator(value);
                while (items.hasNext() && values.size() <= targets.size()) {
                    values.add(items.next());
                }
                if (values.size() != targets.size()) {
                    throw new TemplateError(
                            values.size() > targets.size()
                                    ? "too many values to unpack (expected " + targets.size() + ")"
                                    : "not enough values to unpack (expected " + targets.size() + ", got "
                                            + values.size() + ")");
                }
                for (int i = 0; i < targets.size(); i++) {
                    targets.get(i).assign(scope, values.get(i));
                }
            }
        }
    }
}
