package nighttrain.pipeline.task;

import nighttrain.pipeline.host.EngineHost;
import nighttrain.pipeline.task.TaskSpec.Pass;

/** Closes when a row taken now would not finish before the run's deadline, or when the executor is about to end. */
final class DeadlineGate {
    /** Each later answer lowers the weight of earlier ones: the gate uses the longest recent time, not the longest ever. */
    private static final double DECAY = 0.98;

    private final long endMs;
    private double longestMs;

    DeadlineGate(Pass pass) {
        this.endMs = pass.endMs();
    }

    /** Records how long the engine took to answer a request. */
    void answered(Double e2eMs) {
        longestMs = Math.max(e2eMs == null ? 0 : e2eMs, longestMs * DECAY);
    }

    /** Whether the task takes no more rows. */
    boolean isClosed() {
        return EngineHost.here().isLeaving() || endMs - System.currentTimeMillis() <= longestMs;
    }

    /** Whether the deadline is past, for rows in flight too. */
    boolean isPast() {
        return System.currentTimeMillis() >= endMs;
    }
}
