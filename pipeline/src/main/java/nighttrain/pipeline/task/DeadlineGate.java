package nighttrain.pipeline.task;

import nighttrain.pipeline.host.EngineHost;

/** When a task takes up no more rows, so that those in flight end before the run's deadline or the executor's end. */
final class DeadlineGate {
    /** What an answer took weighs less with every later one: the longest lately, not the longest ever. */
    private static final double DECAY = 0.98;

    private final long endMs;
    private double longestMs;

    DeadlineGate(Pass pass) {
        this.endMs = pass.endMs();
    }

    /** An answer came, so long after its request. */
    void answered(Double e2eMs) {
        longestMs = Math.max(e2eMs == null ? 0 : e2eMs, longestMs * DECAY);
    }

    /** What is taken up now would not end in time. */
    boolean isOver() {
        return EngineHost.here().isLeaving() || endMs - System.currentTimeMillis() <= longestMs;
    }

    /** What is in flight has had its time. */
    boolean isPast() {
        return System.currentTimeMillis() >= endMs;
    }
}
