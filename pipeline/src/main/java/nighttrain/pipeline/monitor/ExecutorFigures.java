package nighttrain.pipeline.monitor;

import java.util.HashMap;
import java.util.Map;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.Heartbeat.Load;

/**
 * What is known of an executor.
 *
 * @param runs what it did for each run
 * @param load what it was at when it was last heard
 * @param heardMs when that was, in ms since 1970
 */
record ExecutorFigures(Map<String, Done> runs, Load load, long heardMs) {
    static final ExecutorFigures NOTHING = new ExecutorFigures(Map.of(), Load.NONE, 0);

    ExecutorFigures {
        runs = Map.copyOf(runs);
    }

    ExecutorFigures after(Heartbeat beat, long nowMs) {
        Map<String, Done> more = new HashMap<>(runs);
        more.put(beat.runId(), beat.done());
        return new ExecutorFigures(more, beat.load(), nowMs);
    }

    /** For all its runs. */
    Done done() {
        return runs.values().stream().reduce(Done.NOTHING, Done::plus);
    }
}
