package nighttrain.pipeline.write;

import java.util.Map;
import org.apache.spark.sql.Observation;

/** What Spark counted while it wrote. */
final class Observed {
    private Observed() {}

    static Map<String, Object> values(Observation observation) {
        try {
            return observation.getAsJava();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("stopped while counting what was written", stopped);
        }
    }
}
