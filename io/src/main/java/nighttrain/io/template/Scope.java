package nighttrain.io.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The variables of one call of a function of the template: of the template itself, of a macro, of the body of a {@code call} block
 * or of one level of a recursive loop.
 */
final class Scope {
    /** A variable that has no value, an argument that was not given, an attribute that does not exist. */
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

    /** What all scopes of one rendering share. */
    static final class Rendering {
        /** What the template is given, and the environment's functions. */
        final Map<String, Object> variables;

        final RenderBudget budget;

        /** Where the rendering is. */
        int line = 1;

        Rendering(Map<String, Object> variables, RenderBudget budget) {
            this.variables = variables;
            this.budget = budget;
        }
    }

    /** The scope of the function that many functions further out. */
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
     * The names that a block of statements has of its own, and what they are when it is entered: what the template was given under
     * that name, what an outer block has, or nothing. {@link Binder} fills it.
     */
    static final class Frame {
        private final List<Entry> entries = new ArrayList<>();
        private int slots;

        /** A name on entry: {@code given} from outside of the template, else a copy of {@code copied}, else nothing. */
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

        /** Slots of the function whose outermost frame this is. */
        int slots() {
            return slots;
        }

        void slots(int count) {
            slots = count;
        }
    }

    /** Where a name's value is. {@link Binder} finds that out once the whole template is read. */
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

        /** Names are set in their own function only. */
        void set(Scope scope, Object value) {
            scope.slots[slot] = value;
        }
    }
}
