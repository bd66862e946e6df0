package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import nighttrain.io.table.Percentiles;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineFactory.RealEngines;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;
import nighttrain.pipeline.testing.PacedEngines;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures the output tokens/s of a query with {@code llm_generate}, from its start to its end, relative to those of a job while it generates. Job
 * and query take turns, each on the engine that is already open.
 */
@Tag("benchmark")
class QueryRateBenchmark {
    private static final int ROWS = 2000;
    private static final int ROUNDS = 3;
    private static final Path DEMO = Path.of(System.getProperty("nighttrain.root"), "conf", "demo");

    @TempDir
    private Path dir;

    private SparkSession spark;

    /** Computes 2,000 rows of 4 to 44 tokens on an engine that takes the time of a GPU. */
    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void onAPacedEngine() {
        PacedEngines engines = new PacedEngines(25, 1, "", 1);
        spark = TestSpark.with(new NightTrainExtensions(engines));
        SettingValues settings = SettingValues.none()
                .with(Settings.MODEL, TinyModel.in(dir.resolve("model"), 128).toString())
                .with(Settings.LOAD_FORMAT, LoadFormat.DUMMY)
                .with(Settings.MAX_MODEL_LEN, 128)
                .with(Settings.MAX_NUM_SEQS, 64);
        compare(
                engines,
                settings,
                spark.range(0, ROWS, 1, 4).selectExpr("id", "repeat('x', CAST(4 + id * 37 % 41 AS INT)) AS prompt"));
    }

    /** Computes the demo's 500 tickets four times, each with its number before it, on the demo's model: some 60 tokens of 150 are outputs. */
    @Test
    @Timeout(value = 60, unit = TimeUnit.MINUTES)
    void onARealEngine() {
        spark = TestSpark.with(new NightTrainExtensions());
        SettingValues settings = SettingValues.none()
                .with(Settings.MODEL, DEMO.resolve("model").toString())
                .with(Settings.MAX_TOKENS, 64);
        Dataset<Row> tickets =
                spark.read().parquet(DEMO.resolve("prompts.parquet").toString());
        compare(
                new RealEngines(),
                settings,
                spark.range(0, ROWS / tickets.count(), 1, 4)
                        .crossJoin(tickets.drop("id"))
                        .selectExpr("concat(id, ' ', prompt) AS prompt"));
    }

    private void compare(EngineFactory engines, SettingValues settings, Dataset<Row> prompts) {
        settings.asSparkConf().forEach(spark.conf()::set);
        prompts.createOrReplaceTempView("prompts");
        double[] ratios = new double[ROUNDS];
        for (int round = 0; round <= ROUNDS; round++) { // the first round compiles and opens the engine
            SettingValues job = settings.with(
                    Settings.OUTPUT_PATH, dir.resolve("job-" + round).toString());
            double ofJob = new GenerateJob(engines)
                    .run(spark, GenerateOptions.of(job), InputReader.of(prompts), ProgressListener.SILENT)
                    .tokens()
                    .outputPerS();
            double ofQuery = query();
            System.out.printf(
                    "output tokens/s: job while generating %.0f, query %.0f: %.3f%s%n",
                    ofJob, ofQuery, ofQuery / ofJob, round == 0 ? ", left out" : "");
            if (round > 0) {
                ratios[round - 1] = ofQuery / ofJob;
            }
        }
        System.out.printf("median %.3f%n", Percentiles.median(ratios));
    }

    private double query() {
        long started = System.nanoTime();
        List<Row> rows = spark.sql("SELECT llm_generate_result(prompt).output_tokens AS n FROM prompts")
                .collectAsList();
        double seconds = (System.nanoTime() - started) / 1e9;
        assertThat(rows).hasSize(ROWS);
        return rows.stream().mapToInt(row -> row.getInt(0)).sum() / seconds;
    }
}
