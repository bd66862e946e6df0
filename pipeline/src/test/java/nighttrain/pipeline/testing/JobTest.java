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

/** Base class of tests of jobs: provides a model directory, an engine, an input and an output. */
public abstract class JobTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(10);

    protected final SparkSession spark = TestSpark.session();
    protected final FakeEngines engines = FakeEngines.create();

    @TempDir
    protected Path dir;

    protected SettingValues values;
    /** What {@link #results} read since the last run: reading a table takes longer than most checks of it. */
    private List<Row> results;

    @BeforeEach
    void settings() {
        values = TinyJob.in(dir, TinyModel.CONTEXT_TOKENS);
    }

    protected Path output() {
        return dir.resolve("output");
    }

    /** Returns the journal, which holds finished rows until the results are written. */
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
            awaitTasks(); // when a job fails, Spark kills its tasks without waiting
        }
    }

    /** Runs the job until it has {@code answers} more answers, then cancels it. */
    protected void runAndCancelAfter(int answers) {
        script().onAnswer(script().computations() + answers, this::cancel);
        assertThatThrownBy(this::run).hasStackTraceContaining("cancelled");
    }

    private static void awaitTasks() {
        await("its tasks ended", () -> runningTasks() == 0);
    }

    /** Waits until {@code reached} returns true. */
    protected static void await(String moment, BooleanSupplier reached) {
        await(moment, PATIENCE, reached);
    }

    /** Waits for at most this long until {@code reached} returns true. */
    protected static void await(String moment, Duration atMost, BooleanSupplier reached) {
        long end = System.nanoTime() + atMost.toNanos();
        while (!reached.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time until " + moment).isLessThan(end);
            LockSupport.parkNanos(POLL.toNanos());
        }
    }

    /** Cancels from within a task, which does not end before the cancellation reaches it. */
    private void cancel() {
        spark.sparkContext().cancelAllJobs();
        try {
            Thread.sleep(PATIENCE.toMillis());
        } catch (InterruptedException cancelled) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns the active threads of Spark's task pool. Spark's status tracker learns of starts and ends of tasks later. */
    private static int runningTasks() {
        Source executor =
                SparkEnv.get().metricsSystem().getSourcesByName("executor").head();
        Object running = executor.metricRegistry()
                .getGauges()
                .get("threadpool.activeTasks")
                .getValue();
        return (Integer) running;
    }

    /** Returns the results of the last run in the order of the files. */
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

    /** Writes rows {@code (key, prompt)} as the input, in this many files. */
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

    /** Returns {@code prompt 0}, {@code prompt 1}, ... */
    protected static List<String> prompts(int count) {
        return IntStream.range(0, count).mapToObj(i -> "prompt " + i).toList();
    }
}
