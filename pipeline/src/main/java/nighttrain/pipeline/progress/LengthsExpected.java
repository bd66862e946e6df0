package nighttrain.pipeline.progress;

import java.io.Serializable;
import nighttrain.executor.EngineConfig.Lengths;
import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * The sequence lengths that a job expects, announced before its engines open.
 *
 * @param lengths mean lengths; {@link Lengths#UNKNOWN} where nothing depends on them
 */
public record LengthsExpected(Lengths lengths) implements SparkListenerEvent, Serializable {
    /** Returns false: the event log does not need it. */
    @Override
    public boolean logEvent() {
        return false;
    }

    /** The question of an executor for the expected lengths; the answer is null until a job announces them. */
    public record Question() implements Serializable {}
}
