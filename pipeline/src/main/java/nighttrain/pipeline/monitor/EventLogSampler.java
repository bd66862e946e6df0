package nighttrain.pipeline.monitor;

import nighttrain.pipeline.progress.Heartbeat;
import java.util.HashMap;
import java.util.Map;
import nighttrain.pipeline.progress.Heartbeat.Done;

/**
 * Chooses the heartbeats that Spark's event log keeps: one in ten seconds of an executor at work, and the first in which it
 * has done nothing more, so that the log ends with what it came to.
 */
public final class EventLogSampler {
    private static final long INTERVAL_MS = 10_000;

    private final Map<String, Executor> executors = new HashMap<>();

    private static final class Executor {
        private Done before = Done.NOTHING;
        private Done kept = Done.NOTHING;
        private long keptAtMs;
    }

    /** The same heartbeat, marked where it is to be kept. */
    public synchronized Heartbeat mark(Heartbeat beat) {
        Executor it = executors.computeIfAbsent(beat.runId() + "/" + beat.executor(), name -> new Executor());
        boolean stands = beat.done().equals(it.before);
        it.before = beat.done();
        if (beat.done().equals(it.kept) || (!stands && beat.atMs() - it.keptAtMs < INTERVAL_MS)) {
            return beat;
        }
        it.kept = beat.done();
        it.keptAtMs = beat.atMs();
        return beat.keep();
    }
}
