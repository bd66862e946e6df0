package nighttrain.pipeline.progress;

import java.io.Serializable;
import nighttrain.executor.EngineConfig.Lengths;
import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * What a job expects of its sequences, known before its engines open.
 *
 * @param lengths means, {@link Lengths#UNKNOWN} where nothing depends on them
 */
public record LengthsExpected(Lengths lengths) implements SparkListenerEvent, Serializable {
    /** It says nothing of the run that the event log would lack. */
    @Override
    public boolean logEvent() {
        return false;
    }

    /** An executor asks for it; the answer is null as long as no job expects anything. */
    public record Question() implements Serializable {}
}
