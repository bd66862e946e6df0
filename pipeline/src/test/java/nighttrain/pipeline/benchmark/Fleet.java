package nighttrain.pipeline.benchmark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.unix_millis;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.progress.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.LoadFormat;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.PacedEngines;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Executors with paced engines and prompts of log-normal lengths; says how many tokens per second came of them, and how busy
 * the healthy ones were in the last twentieth of the time. Arguments: scratch directory, Spark master, engines in all, rows per
 * engine, how many times slower executor 0 is.
 */
public final class Fleet {
    private static final int CONTEXT_TOKENS = 1024;
    private static final int SEQUENCES = 16;
    private static final int STEP_MS = 50;
    private static final double LAST = 0.05;

    private Fleet() {}

    public static void main(String[] args) throws IOException {
        Path dir = Path.of(args[0]);
        int engines = Integer.parseInt(args[2]);
        try (SparkSession spark = LocalCluster.session(args[1], dir)) {
            boolean local = spark.sparkContext().isLocal();
            input(spark, dir, engines * Long.parseLong(args[3]));
            PacedEngines paced = new PacedEngines(STEP_MS, local ? engines : 1, "0", Integer.parseInt(args[4]));
            GenerateReport report = new GenerateJob(paced)
                    .run(spark, options(dir, local ? engines * SEQUENCES : SEQUENCES), ProgressListener.SILENT);
            if (report.errors() != 0) {
                throw new IllegalStateException("wrong: " + report);
            }
            System.out.printf(
                    "%s, %d engines: %d rows, %.1f tokens/s, %.1f s, busy at the end %.3f%n",
                    args[1],
                    engines,
                    report.rows(),
                    report.totalTokensPerS(),
                    report.wallS(),
                    busyAtTheEnd(spark.read().parquet(report.output() + "/metrics"), engines, local));
        }
    }

    private static void input(SparkSession spark, Path dir, long rows) {
        spark.range(0, rows, 1, 4)
                .selectExpr("id", "repeat('x', cast(least(500, 1 + 24 * exp(randn(7))) as int)) as prompt")
                .write()
                .parquet(dir.resolve("input").toString());
    }

    private static GenerateOptions options(Path dir, int maxNumSeqs) {
        return GenerateOptions.of(SettingValues.none()
                .with(
                        Settings.MODEL,
                        TinyModel.in(dir.resolve("model"), CONTEXT_TOKENS).toString())
                .with(Settings.LOAD_FORMAT, LoadFormat.DUMMY)
                .with(Settings.INPUT_PATH, dir.resolve("input").toString())
                .with(Settings.OUTPUT_PATH, dir.resolve("output").toString())
                .with(Settings.MAX_MODEL_LEN, CONTEXT_TOKENS)
                .with(Settings.MAX_NUM_SEQS, maxNumSeqs)
                .with(Settings.MAX_TOKENS, 1));
    }

    /** Of the sequences that engines other than executor 0's could run, those that they did, by the metrics of the run. */
    private static double busyAtTheEnd(Dataset<Row> metrics, int engines, boolean local) {
        Dataset<Row> samples = metrics.withColumn("ms", unix_millis(col("at"))).filter("steps > 0");
        Row times = samples.agg(min("ms"), max("ms")).head();
        double from = times.getLong(1) - LAST * (times.getLong(1) - times.getLong(0));
        List<Row> last = samples.filter(col("ms").gt(from))
                .filter(local ? "true" : "executor <> '0'")
                .selectExpr("executor", "running", "least(interval_ms, ms - " + (long) from + ") as ms")
                .collectAsList();
        double could = (times.getLong(1) - from) * SEQUENCES * (local ? engines : engines - 1);
        return last.stream()
                        .mapToDouble(row -> row.<Integer>getAs("running") * (double) row.<Long>getAs("ms"))
                        .sum()
                / could;
    }
}
