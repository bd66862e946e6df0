package nighttrain.io.template;

/**
 * What one rendering may use: steps and time, since a template can loop without writing anything, and the size of every value,
 * checked before it is made. One rendering runs on one thread, which its budget belongs to: operators, filters and methods
 * count on it wherever they loop.
 */
final class RenderBudget {
    /** Statements run and items visited: a conversation of ten thousand messages takes about half. */
    static final long MAX_STEPS = 500_000;

    /** Longest rendering, far above any honest one: a backstop for what steps do not measure. */
    static final long MAX_MS = 5_000;

    /** Characters of one rendering, and of any string in it. */
    static final int MAX_CHARS = 16 << 20;

    /** Entries of any list or map that a template makes. */
    static final int MAX_ENTRIES = 20_000;

    /** Bytes, roughly, of all values that one rendering makes, since it may keep every one of them. */
    static final long MAX_BYTES = 512L << 20;

    /** Calls of macros, and of recursive loops, within one another. */
    static final int MAX_CALLS = 100;

    /** Bits of an integer: twice what Python prints. */
    static final int MAX_BITS = 1 << 15;

    private static final ThreadLocal<RenderBudget> CURRENT = new ThreadLocal<>();
    private static final int STEPS_PER_LOOK_AT_THE_CLOCK = 64;

    private final long endNanos = System.nanoTime() + MAX_MS * 1_000_000;
    private long steps;
    private long bytes;
    private int calls;

    /** Begins a rendering on this thread. */
    static RenderBudget begin() {
        RenderBudget budget = new RenderBudget();
        CURRENT.set(budget);
        return budget;
    }

    /** Ends it. */
    static void end() {
        CURRENT.remove();
    }

    /** Counts a step of this thread's rendering. */
    static void count() {
        CURRENT.get().step();
    }

    /** Counts a step. */
    void step() {
        steps++;
        if (steps > MAX_STEPS) {
            throw new Exceeded("chat template does too much: more than " + MAX_STEPS + " steps");
        }
        if (steps % STEPS_PER_LOOK_AT_THE_CLOCK == 0 && System.nanoTime() > endNanos) {
            throw new Exceeded("chat template takes too long: more than " + MAX_MS + " ms");
        }
    }

    void enterCall() {
        if (calls == MAX_CALLS) {
            throw new Exceeded("chat template is nested too deep: more than " + MAX_CALLS + " calls within calls");
        }
        calls++;
    }

    void leaveCall() {
        calls--;
    }

    /** Before a text is made: {@code chars} of its length. */
    static void checkChars(long chars) {
        if (chars > MAX_CHARS) {
            throw new Exceeded("chat template writes too much: more than " + MAX_CHARS + " characters");
        }
        CURRENT.get().take(chars);
    }

    /** Before a list or map is made: {@code entries} of its size. */
    static void checkEntries(long entries) {
        if (entries > MAX_ENTRIES) {
            throw new Exceeded("chat template makes too long a list: more than " + MAX_ENTRIES + " entries");
        }
        CURRENT.get().take(entries * Integer.BYTES);
    }

    private void take(long more) {
        bytes += more;
        if (bytes > MAX_BYTES) {
            throw new Exceeded("chat template takes too much memory: more than " + MAX_BYTES + " bytes");
        }
    }

    static void checkBits(long bits) {
        if (bits > MAX_BITS) {
            throw new Exceeded("chat template makes too large an integer: more than " + MAX_BITS + " bits");
        }
    }

    /** A bound was reached. */
    static final class Exceeded extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Exceeded(String message) {
            super(message, null, false, false);
        }
    }
}
