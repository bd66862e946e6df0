package nighttrain.pipeline.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.journal.Journal;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
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
    private static final Duration POLL = Duration.ofMillis(10);

    protected final SparkSession spark = TestSpark.session();
    protected final FakeEngines engines = FakeEngines.create();

    @TempDir
    protected Path dir;

    protected SettingValues values;
    /** What {@link #results} read since the last run; to read a table takes longer than most checks of it. */
    private List<Row> results;

    @BeforeEach
    void settings() {
        values = TinyJob.in(dir, TinyModel.CONTEXT_TOKENS);
    }

    protected Path output() {
        return dir.resolve("output");
    }

    /** What is finished, while the results are not there. */
    protected Journal journal() {
        return JobFolder.of(output().toString(), new Configuration()).journal();
    }

    protected FakeScript script() {
        return engines.script();
    }

    protected GenerateOptions options() {
        return GenerateOptions.of(values);
    }

    protected GenerateReport run() {
        results = null;
        try {
            return new GenerateJob(engines).run(spark, options(), ProgressListener.SILENT);
        } finally {
            awaitTasks(); // where a job fails Spark has them killed, and does not wait for them
        }
    }

    /** Runs the job until that many answers more are there, then cancels it. */
    protected void runAndCancelAfter(int answers) {
        script().onAnswer(script().computations() + answers, this::cancel);
        assertThatThrownBy(this::run).hasStackTraceContaining("cancelled");
    }

    private static void awaitTasks() {
        await("its tasks ended", () -> runningTasks() == 0);
    }

    /** Returns when {@code reached} holds. */
    protected static void await(String moment, BooleanSupplier reached) {
        await(moment, PATIENCE, reached);
    }

    /** The same of what takes longer. */
    protected static void await(String moment, Duration atMost, BooleanSupplier reached) {
        long end = System.nanoTime() + atMost.toNanos();
        while (!reached.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time until " + moment).isLessThan(end);
            LockSupport.parkNanos(POLL.toNanos());
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
    private static int runningTasks() {
        Source executor =
                SparkEnv.get().metricsSystem().getSourcesByName("executor").head();
        Object running = executor.metricRegistry()
                .getGauges()
                .get("threadpool.activeTasks")
                .getValue();
        return (Integer) running;
    }

    /** The results of the last run in the order in which they lie in the files. */
    protected List<Row> results() {
        if (results == null) {
            results =
                    spark.read().parquet(output().resolve("results").toString()).collectAsList();
        }
        return results;
    }

    protected void refuses(String message) {
        assertThatThrownBy(this::run).isInstanceOf(UserError.class).hasMessage(message);
    }

    /** Writes rows {@code (key, prompt)} as the input, in that many files. */
    protected void input(int files, List<String> prompts) {
        List<Row> rows = IntStream.range(0, prompts.size())
                .mapToObj(i -> RowFactory.create((long) i, prompts.get(i)))
                .toList();
        spark.createDataFrame(
                        JavaSparkContext.fromSparkContext(spark.sparkContext()).parallelize(rows, files),
                        new StructType().add("key", DataTypes.LongType).add("prompt", DataTypes.StringType))
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
