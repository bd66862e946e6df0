package nighttrain.pipeline.monitor;

import com.fasterxml.jackson.annotation.JsonIgnore;
import nighttrain.pipeline.progress.RunStarted;
import org.apache.spark.util.kvstore.KVIndex;

/**
 * A run, as Spark's store keeps it.
 *
 * @param started what was told at its start
 */
public record StoredRun(RunStarted started) {
    /** What the store knows it by. */
    @KVIndex
    @JsonIgnore
    public String runId() {
        return started.runId();
    }
}
