package nighttrain.pipeline.progress;

import java.io.Serializable;
import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * What one executor has done for a run so far. Executors send it to the driver's plugin, which puts it on Spark's listener
 * bus, where the run's driver listens: Spark's own accumulators tell nothing before a task ends.
 *
 * @param runId the run
 * @param executor the executor
 * @param rows outputs finished, errors included
 * @param errors outputs that failed
 * @param outputTokens tokens generated, those of unfinished rows included
 */
public record Heartbeat(String runId, String executor, long rows, long errors, long outputTokens)
        implements Serializable, SparkListenerEvent {
    /** Twice a second is too much for Spark's event log. */
    @Override
    public boolean logEvent() {
        return false;
    }
}
