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

    /**
     * What the counters add up to.
     *
     * @param commShare share of step time in which ranks waited for one another, 0 to 1
     * @param cachedPromptTokens prompt tokens found in the prefix cache
     */
    public record Sums(double commShare, long cachedPromptTokens) {}

    /** Writes one Parquet file in the order of time. */
    public Sums write(Path folder) {
        Observation sums = new Observation("night-train-metrics");
        samples.coalesce(1)
                .sortWithinPartitions("at", "executor", "replica")
                .observe(
                        sums,
                        sum("comm_ms").as("comm_ms"),
                        sum("step_ms").as("step_ms"),
                        sum("cached_prompt_tokens").as("cached"))
                .write()
                .mode("overwrite")
                .parquet(folder.toString());
        Map<String, Object> seen = Observed.values(sums);
        double stepMs = number(seen.get("step_ms")).doubleValue();
        double commMs = number(seen.get("comm_ms")).doubleValue();
        return new Sums(
                stepMs == 0 ? 0 : commMs / stepMs, number(seen.get("cached")).longValue());
    }

    private static Number number(Object value) {
        return value == null ? 0 : (Number) value;
    }
}
