package nighttrain.pipeline.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.progress.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import org.apache.spark.SparkEnv;
import org.apache.spark.metrics.source.Source;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** What tests of jobs need: a model directory, an engine, an input and an output. */
public abstract class JobTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    protected final SparkSession spark = TestSpark.session();
    protected final FakeEngines engines = FakeEngines.create();

    @TempDir
    protected Path dir;

    protected SettingValues values;

    @BeforeEach
    void settings() {
        values = TinyJob.in(dir, TinyModel.CONTEXT_TOKENS);
    }

    protected Path output() {
        return dir.resolve("output");
    }

    protected FakeScript script() {
        return engines.script();
    }

    protected GenerateReport run() {
        return new GenerateJob(engines).run(spark, GenerateOptions.of(values), ProgressListener.SILENT);
    }

    /** Runs the job until that many answers more are there, then cancels it; waits for its tasks, as Spark does not. */
    protected void runAndCancelAfter(int answers) throws InterruptedException {
        script().onAnswer(script().computations() + answers, this::cancel);
        assertThatThrownBy(this::run).hasStackTraceContaining("cancelled");
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (runningTasks() > 0) {
            assertThat(System.nanoTime()).as("in time until its tasks end").isLessThan(end);
            Thread.sleep(10);
        }
    }

    /** In a task, which does not end before the cancelling has reached it. */
    private void cancel() {
        spark.sparkContext().cancelAllJobs();
        try {
            Thread.sleep(PATIENCE.toMillis());
        } catch (InterruptedException cancelled) {
            Thread.currentThread().interrupt();
        }
    }

    /** Threads at work in Spark's own pool; its status tracker learns of tasks' beginnings and ends a moment later. */
    private int runningTasks() {
        Source executor =
                SparkEnv.get().metricsSystem().getSourcesByName("executor").head();
        Object running = executor.metricRegistry()
                .getGauges()
                .get("threadpool.activeTasks")
                .getValue();
        return (Integer) running;
    }

    /** The results in the order in which they lie in the files. */
    protected List<Row> results() {
        return spark.read().parquet(output().resolve("results").toString()).collectAsList();
    }

    protected void refuses(String message) {
        assertThatThrownBy(this::run).isInstanceOf(UserError.class).hasMessage(message);
    }

    /** Writes rows {@code (key, prompt)} as the input, in that many files. */
    protected void input(int files, List<String> prompts) {
        List<Row> rows = IntStream.range(0, prompts.size())
                .mapToObj(i -> RowFactory.create((long) i, prompts.get(i)))
                .toList();
        table(rows, new StructType().add("key", DataTypes.LongType).add("prompt", DataTypes.StringType))
                .repartitionByRange(files, org.apache.spark.sql.functions.col("key"))
                .sortWithinPartitions("key")
                .write()
                .parquet(dir.resolve("input").toString());
    }

    protected Dataset<Row> table(List<Row> rows, StructType schema) {
        return spark.createDataset(rows, Encoders.row(schema));
    }

    /** {@code prompt 0}, {@code prompt 1}, ... */
    protected static List<String> prompts(int count) {
        return IntStream.range(0, count).mapToObj(i -> "prompt " + i).toList();
    }
}
