package nighttrain.io.template;

/**
 * The limits of one rendering: steps and time, since a template can loop without writing anything, and the size of every value, checked before it is
 * made. One rendering runs on one thread, which owns its budget: operators, filters and methods count on it wherever they loop.
 */
final class RenderBudget {
    /** Most statements run and items visited: a conversation of ten thousand messages needs about half. */
    static final long MAX_STEPS = 500_000;

    /** Longest rendering, in ms, far above any legitimate one: a backstop for what steps do not measure. */
    static final long MAX_MS = 5_000;

    /** Most characters of one rendering, and of any string in it. */
    static final int MAX_CHARS = 16 << 20;

    /** Most entries of any list or map that a template makes. */
    static final int MAX_ENTRIES = 20_000;

    /** Most bytes, roughly, of all values that one rendering makes, since it may keep every one of them. */
    static final long MAX_BYTES = 512L << 20;

    /** Most calls of macros and recursive loops within one another. */
    static final int MAX_CALLS = 100;

    /** Most bits of an integer: twice what Python prints. */
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

    /** Ends the rendering of this thread. */
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

    /** Checks the length of a text before it is made: {@code chars} characters. */
    static void checkChars(long chars) {
        if (chars > MAX_CHARS) {
            throw new Exceeded("chat template writes too much: more than " + MAX_CHARS + " characters");
        }
        CURRENT.get().take(chars);
    }

    /** Checks the size of a list or map before it is made: {@code entries} entries. */
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

    /** Thrown where a limit is exceeded. */
    static final class Exceeded extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Exceeded(String message) {
            super(message, null, false, false);
        }
    }
}
