package nighttrain.executor;

/**
 * An engine's counters since it was opened, over all replicas, read at one moment.
 *
 * @param running sequences in the current steps
 * @param waiting requests taken but not yet running
 * @param promptTokens tokens prefilled or found in the prefix cache, of requests that finished
 * @param cachedPromptTokens of these, found in the prefix cache
 * @param outputTokens tokens generated
 * @param finished requests answered, errors included
 * @param preemptions times that a sequence had to give its pages back
 * @param steps forward passes
 * @param stepNanos time spent in them
 * @param busyNanos time that devices worked on steps, rank 0 of each replica
 * @param commNanos of which ranks waited for one another's sums
 * @param kvUsed pages holding a running sequence
 * @param kvPages pages in all
 */
public record EngineStats(
        int running,
        int waiting,
        long promptTokens,
        long cachedPromptTokens,
        long outputTokens,
        long finished,
        long preemptions,
        long steps,
        long stepNanos,
        long busyNanos,
        long commNanos,
        int kvUsed,
        int kvPages) {}
