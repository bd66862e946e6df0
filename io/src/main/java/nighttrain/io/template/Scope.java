package nighttrain.io.template;

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
}
