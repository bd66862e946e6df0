package nighttrain.io.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The variables of one call of a function of the template: of the template itself, of a macro, of the body of a {@code call} block
 * or of one level of a recursive loop.
 */
final class Scope {
    /** Stands for a variable without a value, an argument that was not given, or an attribute that does not exist. */
    static final Object MISSING = new Object();

    final Object[] slots;
    final Scope outer;
    final Rendering rendering;
    StringBuilder out = new StringBuilder();

    Scope(int slots, Scope outer, Rendering rendering) {
        this.slots = new Object[slots];
        this.outer = outer;
        this.rendering = rendering;
        java.util.Arrays.fill(this.slots, MISSING);
    }

    /** State that all scopes of one rendering share. */
    static final class Rendering {
        /** The template's input, and the environment's functions. */
        final Map<String, Object> variables;

        final RenderBudget budget;

        /** The current line of the rendering. */
        int line = 1;

        Rendering(Map<String, Object> variables, RenderBudget budget) {
            this.variables = variables;
            this.budget = budget;
        }
    }

    /** Returns the scope of the function that encloses this one {@code functions} levels out. */
    Scope out(int functions) {
        Scope scope = this;
        for (int i = 0; i < functions; i++) {
            scope = scope.outer;
        }
        return scope;
    }

    void write(String text) {
        if ((long) out.length() + text.length() > RenderBudget.MAX_CHARS) {
            RenderBudget.checkChars((long) out.length() + text.length());
        }
        out.append(text);
    }

    /**
     * The names of a block of statements, and their values on entry: the template's input of that name, an outer block's value, or nothing.
     * {@link Binder} fills it.
     */
    static final class Frame {
        private final List<Entry> entries = new ArrayList<>();
        private int slots;

        /** A name on entry: the input {@code given}, else a copy of {@code copied}, else nothing. */
        private record Entry(int slot, String given, Variable copied) {}

        void given(int slot, String name) {
            entries.add(new Entry(slot, name, null));
        }

        void copied(int slot, Variable outer) {
            entries.add(new Entry(slot, null, outer));
        }

        void nothing(int slot) {
            entries.add(new Entry(slot, null, null));
        }

        void enter(Scope scope) {
            for (Entry entry : entries) {
                scope.slots[entry.slot] = entry.given != null
                        ? scope.rendering.variables.getOrDefault(entry.given, Scope.MISSING)
                        : entry.copied != null ? entry.copied.get(scope) : Scope.MISSING;
            }
        }

        /** Number of slots of the function whose outermost frame this is. */
        int slots() {
            return slots;
        }

        void slots(int count) {
            slots = count;
        }
    }

    /** The location of a name's value. {@link Binder} sets it once the whole template is parsed. */
    static final class Variable {
        private int functionsOut;
        private int slot = -1;

        void bind(int functions, int index) {
            functionsOut = functions;
            slot = index;
        }

        Object get(Scope scope) {
            return (functionsOut == 0 ? scope : scope.out(functionsOut)).slots[slot];
        }

        /** Sets the value; names are set in their own function only. */
        void set(Scope scope, Object value) {
            scope.slots[slot] = value;
        }
    }
}
