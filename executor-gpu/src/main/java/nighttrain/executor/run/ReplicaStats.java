package nighttrain.executor.run;

/** One replica's counters after a step; the fields are those of the engine's own statistics. */
public record ReplicaStats(
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
