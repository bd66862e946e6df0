package nighttrain.pipeline.testing;

import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** How fake engines behave, and what they did. */
public final class FakeScript {
    /** Answers until the engine fails; by default it fails once and works when opened again. */
    public final AtomicLong answersBeforeFailure = new AtomicLong(Long.MAX_VALUE);
    /** Number of failures. */
    public final AtomicInteger failures = new AtomicInteger(1);
    /** Prompts that break the engine that accepts them. */
    public final Set<String> poison = ConcurrentHashMap.newKeySet();
    /** Prompts whose answer is an error. */
    public final Set<String> refused = ConcurrentHashMap.newKeySet();
    /** Milliseconds of an answer. */
    public final AtomicLong answerMs = new AtomicLong();
    /** Requests that a session holds at a time. */
    public final AtomicInteger capacity = new AtomicInteger(8);

    /** Whether a session answers its latest request first. */
    public final AtomicBoolean latestFirst = new AtomicBoolean();

    private final Map<Integer, Runnable> answerActions = new ConcurrentHashMap<>();
    private final AtomicInteger answers = new AtomicInteger();

    /** How often each prompt was computed. */
    public final Map<String, AtomicInteger> computed = new ConcurrentHashMap<>();
    /** Engines opened. */
    public final AtomicInteger opened = new AtomicInteger();
    /** Engines closed. */
    public final AtomicInteger closed = new AtomicInteger();
    /** Sessions opened and not closed. */
    public final AtomicInteger openSessions = new AtomicInteger();
    /** Most requests that one session had in flight. */
    public final AtomicInteger mostInFlight = new AtomicInteger();
    /** Requests cancelled because their session closed before they were answered. */
    public final AtomicInteger cancelled = new AtomicInteger();

    /** Runs {@code action} after {@code number} answers. */
    public void onAnswer(int number, Runnable action) {
        answerActions.put(number, action);
    }

    /** Returns a log-probability between -4 and 0 that depends on the token and on all tokens before it and their order. */
    public static float logprob(int[] before, int token) {
        int mixed = 31 * Arrays.hashCode(before) + token;
        mixed = (mixed ^ mixed >>> 16) * 0x7feb352d;
        mixed = (mixed ^ mixed >>> 15) * 0x846ca68b;
        return -Math.floorMod(mixed ^ mixed >>> 16, 4096) / 1024f;
    }

    void answered() {
        Runnable action = answerActions.remove(answers.incrementAndGet());
        if (action != null) {
            action.run();
        }
    }

    /** Returns the number of all computations. */
    public int computations() {
        return computed.values().stream().mapToInt(AtomicInteger::get).sum();
    }
}
