package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
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

/** Output tokens/s of a query with {@code llm_generate} over those of a job while it generates; 2,000 rows of 4 to 44 tokens on a paced engine. */
@Tag("benchmark")
class QueryRateBenchmark {
    private static final int ROWS = 2000;
    private static final PacedEngines ENGINES = new PacedEngines(25, 1, "", 1);

    @TempDir
    private Path dir;

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void queryOverJob() {
        SparkSession spark = TestSpark.with(new NightTrainExtensions(ENGINES));
        SettingValues job = SettingValues.none()
                .with(Settings.MODEL, TinyModel.in(dir.resolve("model"), 128).toString())
                .with(Settings.LOAD_FORMAT, LoadFormat.DUMMY)
                .with(Settings.MAX_MODEL_LEN, 128)
                .with(Settings.MAX_NUM_SEQS, 64)
                .with(Settings.OUTPUT_PATH, dir.resolve("job").toString());
        Dataset<Row> prompts =
                spark.range(0, ROWS, 1, 4).selectExpr("id", "repeat('x', CAST(4 + id * 37 % 41 AS INT)) AS prompt");
        double ofJob = new GenerateJob(ENGINES)
                .run(spark, GenerateOptions.of(job), InputReader.of(prompts), ProgressListener.SILENT)
                .tokens()
                .outputPerS();

        job.asSparkConf().forEach(spark.conf()::set);
        prompts.createOrReplaceTempView("prompts");
        spark.sql("SELECT llm_generate(prompt) FROM prompts LIMIT 1")
                .collectAsList(); // compiles, as the job did before it generated
        long started = System.nanoTime();
        List<Row> rows = spark.sql("SELECT id, llm_generate_result(prompt).output_tokens AS n FROM prompts")
                .collectAsList();
        double seconds = (System.nanoTime() - started) / 1e9;
        assertThat(rows).hasSize(ROWS);
        double ofQuery = rows.stream().mapToInt(row -> row.getInt(1)).sum() / seconds;
        System.out.printf(
                "output tokens/s: job while generating %.0f, query %.0f: %.3f%n", ofJob, ofQuery, ofQuery / ofJob);
    }
}
