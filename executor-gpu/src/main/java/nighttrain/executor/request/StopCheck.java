package nighttrain.executor.request;

/**
 * Ends a generation by what its tokens mean, a stop string for one: the engine knows no text, so whoever submits decides.
 * One instance belongs to one request; the engine calls it with each output token in order, from one thread at a time.
 */
@FunctionalInterface
public interface StopCheck {
    /** Never stops. */
    StopCheck NEVER = token -> false;

    /** Whether the generation ends with this token (which stays in the output). Must be fast: a step waits for it. */
    boolean stopsAfter(int token);
}
