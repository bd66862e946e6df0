package nighttrain.pipeline;

import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.engine.EngineFactory;
import nighttrain.pipeline.engine.EngineKey;
import nighttrain.pipeline.engine.RunContext;
import nighttrain.pipeline.feed.FeedCounters;
import nighttrain.pipeline.feed.FeedSpec;
import nighttrain.pipeline.feed.FeedTask;
import nighttrain.pipeline.order.Estimate;
import nighttrain.pipeline.order.FeedOrder;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.ProgressListener;
import nighttrain.pipeline.progress.ProgressReporter;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.skip.Duplicates;
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
        Duplicates duplicates = options.dedup()
                ? Duplicates.among(table.prompts(), job.folder(), job.folder().scratch(runId, "duplicates"))
                : Duplicates.none();
        Earlier earlier = Earlier.in(journal, duplicates);
        Dataset<Row> left = Earlier.skip(duplicates.leaveOut(table.prompts()), journal);
        long outputs = table.rows() * options.samples() - duplicates.count();
        FeedCounters counters = FeedCounters.in(spark.sparkContext());
        double generatingS =
                outputs == earlier.outputs() ? 0 : feed(left, context(hadoop), outputs, earlier, counters, progress);
        return new Commit(spark, job, runId, counters.enginesMet())
                .write(table, journal, duplicates, earlier, generatingS, this::elapsedS);
    }

    /** Runs the model; how long that took, in seconds. */
    private double feed(
            Dataset<Row> left,
            RunContext run,
            long outputs,
            Earlier earlier,
            FeedCounters counters,
            ProgressListener listener) {
        Dataset<Row> prompts = order(left, outputs - earlier.outputs(), earlier).deal(left);
        long beganNanos = System.nanoTime();
        SparkContext context = spark.sparkContext();
        FeedTask task = new FeedTask(FeedSpec.of(run, job.options()), counters);
        ProgressReporter.Goal goal = new ProgressReporter.Goal(outputs, earlier.outputs(), earlier.errors());
        context.setJobDescription("Night Train: generate");
        try (ProgressReporter reporter = ProgressReporter.start(context, listener, goal, () -> ended(counters))) {
            prompts.foreachPartition(task);
        } catch (RuntimeException failed) {
            throw userErrorIn(failed);
        } finally {
            context.setJobDescription(null);
        }
        return (System.nanoTime() - beganNanos) / NANOS_PER_S;
    }

    private FeedOrder order(Dataset<Row> left, long outputs, Earlier earlier) {
        GenerateOptions options = job.options();
        Estimate estimate = Estimate.of(
                options.sampling().maxTokens(), job.model().maxModelLen(), earlier.outputs(), earlier.outputTokens());
        return FeedOrder.of(left, outputs, estimate, options.engine().maxNumSeqs());
    }

    private RunContext context(Broadcast<SerializableConfiguration> hadoop) {
        return new RunContext(
                runId,
                EngineKey.of(job.options()),
                engines,
                job.folder().journal().dir().toString(),
                hadoop);
    }

    private Heartbeat ended(FeedCounters counters) {
        return new Heartbeat(
                runId,
                "all",
                counters.rows().value(),
                counters.errors().value(),
                counters.outputTokens().value());
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
