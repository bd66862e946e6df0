package nighttrain.io.template;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import nighttrain.io.template.Scope.Frame;
import nighttrain.io.template.Scope.Variable;
import nighttrain.io.template.Statement.Definition;
import nighttrain.io.template.Statement.Parameter;
import nighttrain.io.template.Statement.Target;

/**
 * Resolves every name of a template to the place of its value, by the rules of Jinja2's compiler: a block has its own copies of the outer names that
 * it sets, which end with the block; {@code if} is not a block; a name that is never set refers to the template's input. It also refuses unknown
 * filters and tests (within {@code if} only when they are run) and breaks outside of loops.
 */
final class Binder {
    private Binder() {}

    static Frame bind(List<Statement> template) {
        Symbols symbols = new Symbols(null, new FunctionSlots(null));
        symbols.analyze(template);
        new Binding(symbols, false, false).statements(template);
        return symbols.fill(new Frame(), true);
    }

    /** The slots of one function of the template. */
    private static final class FunctionSlots {
        final FunctionSlots outer;
        int count;

        FunctionSlots(FunctionSlots outer) {
            this.outer = outer;
        }
    }

    private record Slot(FunctionSlots function, int index) {}

    /** The initial value of a name. */
    private enum Load {
        ARGUMENT,
        GIVEN,
        COPIED,
        NOTHING
    }

    /** The names of a block. */
    private static final class Symbols {
        final Symbols parent;
        final FunctionSlots function;
        // A name has one slot in a block, whichever branch sets it.
        private final Map<String, Slot> slots;
        private final Set<String> known = new LinkedHashSet<>();
        private final Map<String, Load> loads = new LinkedHashMap<>();
        private final Set<String> stores = new LinkedHashSet<>();

        Symbols(Symbols parent, FunctionSlots function) {
            this.parent = parent;
            this.function = function;
            this.slots = new HashMap<>();
        }

        private Symbols(Symbols original) {
            parent = original.parent;
            function = original.function;
            slots = original.slots;
            known.addAll(original.known);
            loads.putAll(original.loads);
            stores.addAll(original.stores);
        }

        private void define(String name, Load load) {
            slots.computeIfAbsent(name, any -> new Slot(function, function.count++));
            known.add(name);
            loads.put(name, load);
        }

        Slot find(String name) {
            return known.contains(name) ? slots.get(name) : parent == null ? null : parent.find(name);
        }

        void load(String name) {
            if (find(name) == null) {
                define(name, Load.GIVEN);
            }
        }

        void store(String name) {
            stores.add(name);
            if (!known.contains(name)) {
                define(name, parent != null && parent.find(name) != null ? Load.COPIED : Load.NOTHING);
            }
        }

        void argument(String name) {
            stores.add(name);
            define(name, Load.ARGUMENT);
        }

        void loads(Expression expression) {
            if (expression instanceof Expression.Name name) {
                load(name.name());
            }
            expression.parts().forEach(this::loads);
        }

        void target(Target target, boolean argument) {
            if (target instanceof Target.ToName to) {
                if (argument) {
                    argument(to.name());
                } else {
                    store(to.name());
                }
            } else if (target instanceof Target.ToAttribute to) {
                load(to.name());
            } else if (target instanceof Target.ToTuple to) {
                to.targets().forEach(one -> target(one, argument));
            }
        }

        void analyze(List<Statement> body) {
            body.forEach(this::analyze);
        }

        private void analyze(Statement statement) {
            if (statement instanceof Statement.Print print) {
                loads(print.value());
            } else if (statement instanceof Statement.Set set) {
                loads(set.value());
                target(set.target(), false);
            } else if (statement instanceof Statement.SetBlock set) {
                target(set.target(), false);
            } else if (statement instanceof Statement.FilterBlock filter) {
                loads(filter.filter());
            } else if (statement instanceof Statement.If condition) {
                loads(condition.test());
                Symbols body = new Symbols(this);
                body.analyze(condition.body());
                Symbols otherwise = new Symbols(this);
                otherwise.analyze(condition.otherwise());
                merge(List.of(body, otherwise));
            } else if (statement instanceof Statement.With with) {
                with.values().forEach(this::loads);
            } else if (statement instanceof Statement.For loop) {
                loads(loop.iterable());
            } else if (statement instanceof Statement.MacroDefinition macro) {
                store(macro.target().name());
            } else if (statement instanceof Statement.CallBlock call) {
                loads(call.call());
            }
        }

        private void merge(List<Symbols> branches) {
            Set<String> stored = new LinkedHashSet<>();
            branches.forEach(branch -> stored.addAll(branch.stores));
            stored.removeAll(stores);
            for (Symbols branch : branches) {
                known.addAll(branch.known);
                loads.putAll(branch.loads);
                stores.addAll(branch.stores);
            }
            stored.forEach(
                    name -> loads.put(name, parent != null && parent.find(name) != null ? Load.COPIED : Load.GIVEN));
        }

        void bind(String name, Variable variable) {
            bind(find(name), variable);
        }

        private void bind(Slot slot, Variable variable) {
            int out = 0;
            for (FunctionSlots at = function; at != slot.function; at = at.outer) {
                out++;
            }
            variable.bind(out, slot.index);
        }

        /** @param outermost whether the frame belongs to a function */
        Frame fill(Frame frame, boolean outermost) {
            loads.forEach((name, load) -> {
                int slot = slots.get(name).index;
                switch (load) {
                    case GIVEN -> frame.given(slot, name);
                    case NOTHING -> frame.nothing(slot);
                    case COPIED -> {
                        Variable outer = new Variable();
                        bind(parent.find(name), outer);
                        frame.copied(slot, outer);
                    }
                    case ARGUMENT -> {}
                }
            });
            frame.slots(outermost ? function.count : 0);
            return frame;
        }
    }

    /**
     * Binds the names of a block.
     *
     * @param soft whether unknown filters are accepted until they are run
     * @param inLoop whether the block is in a loop of the same function
     */
    private record Binding(Symbols symbols, boolean soft, boolean inLoop) {
        void statements(List<Statement> body) {
            body.forEach(this::statement);
        }

        private void statement(Statement statement) {
            if (statement instanceof Statement.Print print) {
                expression(print.value());
            } else if (statement instanceof Statement.Set set) {
                target(set.target());
                expression(set.value());
            } else if (statement instanceof Statement.SetBlock set) {
                setBlock(set);
            } else if (statement instanceof Statement.FilterBlock block) {
                Symbols inner = inner();
                inner.analyze(block.body());
                inner.loads(block.filter());
                Binding binding = new Binding(inner, false, inLoop);
                binding.statements(block.body());
                binding.expression(block.filter());
                inner.fill(block.frame(), false);
            } else if (statement instanceof Statement.If condition) {
                Binding branch = new Binding(symbols, true, inLoop);
                branch.expression(condition.test());
                branch.statements(condition.body());
                branch.statements(condition.otherwise());
            } else if (statement instanceof Statement.With with) {
                with(with);
            } else if (statement instanceof Statement.For loop) {
                loop(loop);
            } else if (statement instanceof Statement.MacroDefinition macro) {
                definition(macro.definition());
                target(macro.target());
            } else if (statement instanceof Statement.CallBlock call) {
                definition(call.caller());
                expression(call.call());
            } else if (statement instanceof Statement.Generation generation) {
                definition(generation.body());
            } else if (!(statement instanceof Statement.Data) && !inLoop) {
                throw new TemplateError("'"
                        + statement.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT) + "' outside loop");
            }
        }

        private Symbols inner() {
            return new Symbols(symbols, symbols.function);
        }

        private void setBlock(Statement.SetBlock set) {
            Symbols inner = inner();
            inner.analyze(set.body());
            if (set.filter() != null) {
                inner.loads(set.filter());
            }
            Binding binding = new Binding(inner, false, inLoop);
            binding.statements(set.body());
            if (set.filter() != null) {
                binding.expression(set.filter());
            }
            target(set.target());
            inner.fill(set.frame(), false);
        }

        private void with(Statement.With with) {
            Symbols inner = inner();
            with.targets().forEach(target -> inner.target(target, true));
            inner.analyze(with.body());
            with.values().forEach(this::expression);
            Binding binding = new Binding(inner, false, inLoop);
            with.targets().forEach(binding::target);
            binding.statements(with.body());
            inner.fill(with.frame(), false);
        }

        private void loop(Statement.For loop) {
            expression(loop.iterable());
            names(List.of(loop), (name, read) -> {
                if (name.equals("loop") && !read) {
                    throw new TemplateError("Can't assign to special loop variable in for-loop target");
                }
            });
            FunctionSlots function = loop.function() == null ? symbols.function : new FunctionSlots(symbols.function);
            Symbols body = new Symbols(symbols, function);
            boolean named = loop.function() != null
                    || undeclared(loop.body(), Set.of("loop")).contains("loop");
            if (named) {
                body.argument("loop");
            }
            body.target(loop.target(), true);
            body.analyze(loop.body());
            Binding inBody = new Binding(body, false, true);
            inBody.target(loop.target());
            inBody.statements(loop.body());
            if (named) {
                body.bind("loop", loop.loop());
            } else {
                // No name reads it: the slot is written by this loop only.
                loop.loop().bind(0, function.count++);
            }
            Symbols otherwise = new Symbols(symbols, function);
            otherwise.analyze(loop.otherwise());
            new Binding(otherwise, false, loop.function() == null && inLoop).statements(loop.otherwise());
            if (loop.test() != null) {
                Symbols test = new Symbols(symbols, function);
                test.target(loop.testTarget(), true);
                test.loads(loop.test());
                Binding inTest = new Binding(test, false, false);
                inTest.target(loop.testTarget());
                inTest.expression(loop.test());
                test.fill(loop.testFrame(), false);
            }
            body.fill(loop.bodyFrame(), false);
            otherwise.fill(loop.otherwiseFrame(), false);
            if (loop.function() != null) {
                loop.function().slots(function.count);
            }
        }

        private void definition(Definition definition) {
            Symbols inner = new Symbols(symbols, new FunctionSlots(symbols.function));
            analyze(definition, inner);
            Set<String> read = undeclared(definition.body(), Set.of("caller", "kwargs", "varargs"));
            for (Parameter parameter : definition.parameters()) {
                if (parameter.name().equals("caller") && parameter.standard() == null && read.contains("caller")) {
                    throw new TemplateError(
                            "When defining macros or call blocks the special \"caller\" argument must be"
                                    + " omitted or be given a default. (line " + definition.line() + ")");
                }
                read.remove(parameter.name());
            }
            read.forEach(inner::argument);
            analyze(definition, inner);
            Binding binding = new Binding(inner, false, false);
            for (Parameter parameter : definition.parameters()) {
                inner.bind(parameter.name(), parameter.variable());
                if (parameter.standard() != null) {
                    binding.expression(parameter.standard());
                }
            }
            definition.special().caller = variable(inner, read, "caller");
            definition.special().kwargs = variable(inner, read, "kwargs");
            definition.special().varargs = variable(inner, read, "varargs");
            binding.statements(definition.body());
            inner.fill(definition.frame(), true);
        }

        private static void analyze(Definition definition, Symbols inner) {
            definition.parameters().forEach(parameter -> inner.argument(parameter.name()));
            for (Parameter parameter : definition.parameters()) {
                if (parameter.standard() != null) {
                    inner.loads(parameter.standard());
                }
            }
            inner.analyze(definition.body());
        }

        private static Variable variable(Symbols inner, Set<String> read, String name) {
            if (!read.contains(name)) {
                return null;
            }
            Variable variable = new Variable();
            inner.bind(name, variable);
            return variable;
        }

        private void target(Target target) {
            if (target instanceof Target.ToName to) {
                symbols.bind(to.name(), to.variable());
            } else if (target instanceof Target.ToAttribute to) {
                symbols.bind(to.name(), to.variable());
            } else if (target instanceof Target.ToTuple to) {
                to.targets().forEach(this::target);
            }
        }

        private void expression(Expression expression) {
            if (expression instanceof Expression.Name name) {
                symbols.bind(name.name(), name.variable());
            } else if (expression instanceof Expression.Filter filter && !soft && !Filters.exists(filter.name())) {
                throw new TemplateError("No filter named '" + filter.name() + "'. (line " + filter.line() + ")");
            } else if (expression instanceof Expression.Test test && !soft && !Filters.TESTS.exists(test.name())) {
                throw new TemplateError("No test named '" + test.name() + "'. (line " + test.line() + ")");
            }
            boolean conditional = expression instanceof Expression.Conditional && !soft;
            Binding parts = conditional ? new Binding(symbols, true, inLoop) : this;
            expression.parts().forEach(parts::expression);
        }
    }

    /** Returns which of these names a body reads before it sets them, in the order of the source. */
    private static Set<String> undeclared(List<Statement> body, Set<String> names) {
        Set<String> left = new LinkedHashSet<>(names);
        Set<String> read = new LinkedHashSet<>();
        names(body, (name, reads) -> {
            if (reads && left.contains(name)) {
                read.add(name);
            } else {
                left.remove(name);
            }
        });
        return read;
    }

    /** Visits all names in a body and its inner blocks, and whether each is read. */
    private static void names(List<Statement> body, BiConsumer<String, Boolean> visit) {
        for (Statement statement : body) {
            List<Object> parts = new ArrayList<>();
            if (statement instanceof Statement.Print print) {
                parts.add(print.value());
            } else if (statement instanceof Statement.Set set) {
                parts.addAll(List.of(set.target(), set.value()));
            } else if (statement instanceof Statement.SetBlock set) {
                parts.add(set.target());
                parts.addAll(set.filter() == null ? List.of() : List.of(set.filter()));
                parts.add(set.body());
            } else if (statement instanceof Statement.FilterBlock filter) {
                parts.addAll(List.of(filter.body(), filter.filter()));
            } else if (statement instanceof Statement.If condition) {
                parts.addAll(List.of(condition.test(), condition.body(), condition.otherwise()));
            } else if (statement instanceof Statement.With with) {
                parts.addAll(with.values());
                parts.add(with.body());
            } else if (statement instanceof Statement.For loop) {
                parts.addAll(List.of(loop.target(), loop.iterable(), loop.body(), loop.otherwise()));
                parts.addAll(loop.test() == null ? List.of() : List.of(loop.test()));
            } else if (statement instanceof Statement.MacroDefinition macro) {
                parts.addAll(definitionParts(macro.definition()));
            } else if (statement instanceof Statement.CallBlock call) {
                parts.add(call.call());
                parts.addAll(definitionParts(call.caller()));
            } else if (statement instanceof Statement.Generation generation) {
                parts.addAll(definitionParts(generation.body()));
            }
            parts.forEach(part -> namesOf(part, visit));
        }
    }

    private static List<Object> definitionParts(Definition definition) {
        List<Object> parts = new ArrayList<>();
        definition.parameters().stream()
                .filter(parameter -> parameter.standard() != null)
                .forEach(parameter -> parts.add(parameter.standard()));
        parts.add(definition.body());
        return parts;
    }

    @SuppressWarnings("unchecked") // The lists among the parts are bodies.
    private static void namesOf(Object part, BiConsumer<String, Boolean> visit) {
        if (part instanceof Expression.Name name) {
            visit.accept(name.name(), true);
        } else if (part instanceof Target.ToName to) {
            visit.accept(to.name(), false);
        } else if (part instanceof Target.ToTuple tuple) {
            tuple.targets().forEach(target -> namesOf(target, visit));
        } else if (part instanceof List<?> body) {
            names((List<Statement>) body, visit);
        } else if (part instanceof Expression expression) {
            expression.parts().forEach(inner -> namesOf(inner, visit));
        }
    }
}
