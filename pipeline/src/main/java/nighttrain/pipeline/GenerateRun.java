package nighttrain.pipeline;

import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.engine.EngineFactory;
import nighttrain.pipeline.engine.EngineKey;
import nighttrain.pipeline.engine.RunContext;
import nighttrain.pipeline.feed.FeedCounters;
import nighttrain.pipeline.feed.FeedSpec;
import nighttrain.pipeline.feed.FeedTask;
import nighttrain.pipeline.order.FeedOrder;
import nighttrain.pipeline.progress.ProgressListener;
import nighttrain.pipeline.progress.ProgressReporter;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.skip.Earlier;
import nighttrain.pipeline.skip.JournalTable;
import org.apache.spark.SparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/** One run of a job: read, skip what is done, order, feed, write. */
final class GenerateRun {
    private static final double NANOS_PER_S = 1e9;

    private final SparkSession spark;
    private final PreparedJob job;
    private final EngineFactory engines;
    private final String runId;
    private final long startNanos;

    GenerateRun(SparkSession spark, PreparedJob job, EngineFactory engines, String runId, long startNanos) {
        this.spark = spark;
        this.job = job;
        this.engines = engines;
        this.runId = runId;
        this.startNanos = startNanos;
    }

    GenerateReport go(ProgressListener progress) {
        GenerateOptions options = job.options();
        // Once per run: it is large, and every task needs it.
        Broadcast<SerializableConfiguration> hadoop = SerializableConfiguration.broadcast(
                spark.sparkContext(), spark.sessionState().newHadoopConf());
        JournalTable journal = new JournalTable(spark, job.folder().journal(), hadoop);

        PromptTable table = PromptTable.of(
                job.source(), job.columns(), job.folder().staged(), job.folder().scratch(runId, "staged"));
        Earlier earlier = Earlier.in(journal);
        Dataset<Row> left = Earlier.skip(table.prompts(), journal);
        Dataset<Row> ordered = FeedOrder.of(
                        spark.sparkContext(),
                        table.rows(),
                        options.samples(),
                        options.engine().maxNumSeqs())
                .deal(left);
        long outputs = table.rows() * options.samples();
        FeedCounters counters = FeedCounters.in(spark.sparkContext());
        double generatingS =
                outputs == earlier.outputs() ? 0 : feed(ordered, context(hadoop), outputs, earlier, counters, progress);
        return new Commit(spark, job, runId, counters.enginesMet())
                .write(table, journal, earlier, generatingS, this::elapsedS);
    }

    /** Runs the model; how long that took, in seconds. */
    private double feed(
            Dataset<Row> prompts,
            RunContext run,
            long outputs,
            Earlier earlier,
            FeedCounters counters,
            ProgressListener listener) {
        long beganNanos = System.nanoTime();
        SparkContext context = spark.sparkContext();
        FeedTask task = new FeedTask(FeedSpec.of(run, job.options()), counters);
        ProgressReporter.Goal goal = new ProgressReporter.Goal(
                runId, job.folder().output().toString(), outputs, earlier.outputs(), earlier.errors());
        context.setJobDescription("Night Train: generate");
        try (ProgressReporter reporter = ProgressReporter.start(context, listener, goal, counters::done)) {
            prompts.foreachPartition(task);
        } catch (RuntimeException failed) {
            throw userErrorIn(failed);
        } finally {
            context.setJobDescription(null);
        }
        return (System.nanoTime() - beganNanos) / NANOS_PER_S;
    }

    private RunContext context(Broadcast<SerializableConfiguration> hadoop) {
        return new RunContext(
                runId,
                EngineKey.of(job.options()),
                engines,
                job.folder().journal().dir().toString(),
                hadoop);
    }

    private double elapsedS() {
        return (System.nanoTime() - startNanos) / NANOS_PER_S;
    }

    /** What an executor found that the driver could not see, a model that is not on its disk for one, is the user's too. */
    private static RuntimeException userErrorIn(RuntimeException failed) {
        return Stream.<Throwable>iterate(failed, cause -> cause != null, Throwable::getCause)
                .filter(UserError.class::isInstance)
                .map(RuntimeException.class::cast)
                .findFirst()
                .orElse(failed);
    }
}
