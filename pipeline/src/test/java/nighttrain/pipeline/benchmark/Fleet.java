package nighttrain.pipeline.benchmark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.unix_millis;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.PacedEngines;
import nighttrain.pipeline.testing.TinyJob;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Runs executors with paced engines on prompts of log-normal lengths. Prints tokens per second, rows of each executor, and how busy the healthy
 * executors were in the last twentieth of the time. A small job before it opens every engine and compiles its code. Arguments: scratch directory,
 * Spark master, engines in all, rows per engine, how many times slower executor 0 is, milliseconds of a step.
 */
public final class Fleet {
    private static final int CONTEXT_TOKENS = 1024;
    private static final int SEQUENCES = 16;
    private static final double LAST = 0.05;

    private final SparkSession spark;
    private final Path dir;
    private final int engines;
    private final PacedEngines paced;

    private Fleet(SparkSession spark, Path dir, int engines, int slowness, int stepMs) {
        this.spark = spark;
        this.dir = dir;
        this.engines = engines;
        this.paced = new PacedEngines(stepMs, isLocal() ? engines : 1, "0", slowness);
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        Path dir = Path.of(args[0]);
        int engines = Integer.parseInt(args[2]);
        try (SparkSession spark = LocalCluster.session(args[1], dir)) {
            LocalCluster.awaitExecutors(spark, engines);
            Fleet fleet = new Fleet(spark, dir, engines, Integer.parseInt(args[4]), Integer.parseInt(args[5]));
            fleet.run("warm", 2L * SEQUENCES * engines);
            fleet.tell(args[1], fleet.run("measured", Long.parseLong(args[3]) * engines));
        }
    }

    /** Returns ids and log-normal lengths of {@code rows} prompts, the same on every call. */
    static Dataset<Row> lengths(SparkSession spark, long rows) {
        return spark.range(0, rows, 1, 4).selectExpr("id", "cast(least(500, 1 + 24 * exp(randn(7))) as int) as length");
    }

    private boolean isLocal() {
        return spark.sparkContext().isLocal();
    }

    private GenerateReport run(String name, long rows) {
        Path input = dir.resolve(name);
        // Prompts begin differently, since those with a common prefix would share a task whatever their length.
        lengths(spark, rows)
                .selectExpr("id", "substring(concat(md5(cast(id as string)), repeat('x', 500)), 1, length) as prompt")
                .write()
                .parquet(input.toString());
        GenerateReport report = new GenerateJob(paced)
                .run(
                        spark,
                        GenerateOptions.of(TinyJob.in(dir, CONTEXT_TOKENS)
                                .with(Settings.INPUT_PATH, input.toString())
                                .with(
                                        Settings.OUTPUT_PATH,
                                        dir.resolve("output-" + name).toString())
                                .with(Settings.MAX_MODEL_LEN, CONTEXT_TOKENS)
                                .with(Settings.MAX_NUM_SEQS, isLocal() ? engines * SEQUENCES : SEQUENCES)
                                .with(Settings.MAX_TOKENS, 1)),
                        ProgressListener.SILENT);
        if (report.errors() != 0 || report.rows() != rows) {
            throw new IllegalStateException("wrong: " + report);
        }
        return report;
    }

    private void tell(String master, GenerateReport report) {
        Dataset<Row> samples = spark.read()
                .parquet(report.output() + "/metrics")
                .filter("steps > 0")
                .withColumn("ms", unix_millis(col("at")));
        Row times =
                samples.agg(min(col("ms").minus(col("interval_ms"))), max("ms")).head();
        double seconds = (times.getLong(1) - times.getLong(0)) / 1e3;
        System.out.printf(
                "%s, %d engines, steps of %s ms: %d rows (%s), %.1f tokens/s in %.1f s of steps, %.1f while generating, %.1f s in all;"
                        + " busy %.3f, at the end %.3f%n",
                master,
                engines,
                paced.stepMs(),
                report.rows(),
                rowsByExecutor(report),
                (report.tokens().prompt() + report.tokens().output()) / seconds,
                seconds,
                report.tokens().totalPerS(),
                report.wallS(),
                busy(samples, times.getLong(0), times.getLong(1)),
                busy(samples, times.getLong(1) - Math.round(LAST * 1e3 * seconds), times.getLong(1)));
    }

    private String rowsByExecutor(GenerateReport report) {
        return spark
                .read()
                .parquet(report.output() + "/results")
                .groupBy("executor")
                .count()
                .orderBy("executor")
                .collectAsList()
                .stream()
                .map(row -> row.getString(0) + ": " + row.getLong(1))
                .collect(Collectors.joining(", "));
    }

    /** Returns the share of possible running sequences that were running in that time, on engines other than executor 0's, if there are any. */
    private double busy(Dataset<Row> samples, long fromMs, long toMs) {
        boolean one = isLocal() || engines == 1;
        List<Row> last = samples.filter(col("ms").gt(fromMs))
                .filter(one ? "true" : "executor <> '0'")
                .selectExpr("running", "least(interval_ms, ms - " + fromMs + ") as ms")
                .collectAsList();
        double could = (double) (toMs - fromMs) * SEQUENCES * (one ? engines : engines - 1);
        return last.stream()
                        .mapToDouble(row -> row.<Integer>getAs("running") * (double) row.<Long>getAs("ms"))
                        .sum()
                / could;
    }
}
