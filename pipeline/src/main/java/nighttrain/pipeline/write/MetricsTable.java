package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.sum;

import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Observation;
import org.apache.spark.sql.Row;

/** The engines' counters over time, as users read them. */
public final class MetricsTable {
    private final Dataset<Row> samples;

    /** {@code samples}: as the journal has them. */
    public MetricsTable(Dataset<Row> samples) {
        this.samples = samples;
    }

    /** Writes one Parquet file in the order of time; returns the share of step time in which ranks waited for one another. */
    public double write(Path folder) {
        Observation times = new Observation("night-train-metrics");
        samples.coalesce(1)
                .sortWithinPartitions("at", "executor", "replica")
                .observe(times, sum("comm_ms").as("comm_ms"), sum("step_ms").as("step_ms"))
                .write()
                .mode("overwrite")
                .parquet(folder.toString());
        Map<String, Object> sums = Observed.values(times);
        double stepMs = number(sums.get("step_ms"));
        return stepMs == 0 ? 0 : number(sums.get("comm_ms")) / stepMs;
    }

    private static double number(Object value) {
        return value == null ? 0 : (Double) value;
    }
}
