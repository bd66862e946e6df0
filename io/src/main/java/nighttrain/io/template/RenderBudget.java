package nighttrain.io.template;

/** What one rendering may use: counted by step, since a template can loop without writing anything. */
final class RenderBudget {
    /** Nodes of a template visited: a conversation of ten thousand messages takes about half. */
    static final long MAX_STEPS = 500_000;

    /** Longest rendering, far above any honest one: a backstop for what steps do not measure. */
    static final long MAX_MS = 5_000;

    private final long endNanos = System.nanoTime() + MAX_MS * 1_000_000;
    private long steps;

    /** Counts a step. */
    void step() {
        steps++;
        if (steps > MAX_STEPS) {
            throw new Exceeded("chat template does too much: more than " + MAX_STEPS + " steps");
        }
        if (System.nanoTime() > endNanos) {
            throw new Exceeded("chat template takes too long: more than " + MAX_MS + " ms");
        }
    }

    /**
     * An error, not an exception, because the template engine catches every exception and would go on. Out of a macro it still
     * comes as the cause of one; the next step then throws it again.
     */
    static final class Exceeded extends Error {
        private static final long serialVersionUID = 1L;

        Exceeded(String message) {
            super(message, null, false, false);
        }
    }
}
