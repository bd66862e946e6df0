package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.unix_millis;

import java.util.Map;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.resume.JournalTable;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Observation;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Writes the metrics table: the engines' counters over time, for users. */
public final class MetricsTable {
    private final Dataset<Row> samples;

    /**
     * Sums over all samples of the counters.
     *
     * @param commShare share of step time in which ranks waited for one another, 0 to 1
     * @param promptTokens prompt tokens that engines received
     * @param cachedPromptTokens prompt tokens that were found in the prefix cache
     * @param startMs start of the first interval, in ms since 1970; equal to {@code endMs} if there are no samples
     * @param endMs end of the last interval, in ms since 1970
     * @param replicas largest number of replicas of an executor
     */
    public record Sums(
            double commShare, long promptTokens, long cachedPromptTokens, long startMs, long endMs, int replicas) {
        /** The sums of no samples. */
        public static final Sums NOTHING = new Sums(0, 0, 0, 0, 0, 0);

        /** Returns the share of the prompt tokens that were found in the prefix cache, 0 to 1. */
        public double cachedShare() {
            return promptTokens == 0 ? 0 : (double) cachedPromptTokens / promptTokens;
        }
    }

    /** {@code samples}: the samples in the journal. */
    public MetricsTable(Dataset<Row> samples) {
        this.samples = samples;
    }

    /** Reads a written metrics table. */
    public static Dataset<Row> read(SparkSession spark, Path folder) {
        // The schema is given because Spark would start a job to infer it.
        return spark.read().schema(JournalTable.METRICS).parquet(JobFolder.read(folder));
    }

    /** Writes one Parquet file in the order of time. */
    public Sums write(Path folder) {
        Observation times = new Observation("night-train-metrics");
        samples.coalesce(1)
                .sortWithinPartitions("at", "executor", "replica")
                .observe(
                        times,
                        sum("comm_ms").as("comm_ms"),
                        sum("step_ms").as("step_ms"),
                        sum("prompt_tokens").as("prompt"),
                        sum("cached_prompt_tokens").as("cached"),
                        min(unix_millis(col("at")).minus(col("interval_ms"))).as("start_ms"),
                        max(unix_millis(col("at"))).as("end_ms"),
                        max("replica").as("last_replica"))
                .write()
                .format(ProvenanceParquet.class.getName())
                .mode("overwrite")
                .save(folder.toString());
        return sums(RowFigures.observed(times));
    }

    private static Sums sums(Map<String, Object> seen) {
        if (seen.get("start_ms") == null) {
            return Sums.NOTHING;
        }
        double stepMs = (Double) seen.get("step_ms");
        double commShare = stepMs == 0 ? 0 : (Double) seen.get("comm_ms") / stepMs;
        return new Sums(
                commShare,
                (Long) seen.get("prompt"),
                (Long) seen.get("cached"),
                (Long) seen.get("start_ms"),
                (Long) seen.get("end_ms"),
                1 + (Integer) seen.get("last_replica"));
    }
}
