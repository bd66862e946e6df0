package nighttrain.pipeline;

import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.io.journal.Journal;
import nighttrain.pipeline.engine.RunContext;
import nighttrain.pipeline.feed.FeedCounters;
import nighttrain.pipeline.feed.FeedSpec;
import nighttrain.pipeline.feed.FeedTask;
import nighttrain.pipeline.feed.Pass;
import nighttrain.pipeline.feed.Tries;
import nighttrain.pipeline.order.FeedOrder;
import nighttrain.pipeline.placement.FeedStage;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.ProgressListener;
import nighttrain.pipeline.progress.ProgressReporter;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.skip.Earlier;
import nighttrain.pipeline.skip.JournalTable;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** One run's way over the rows that are left: in company first, and those that something died with, twice, each alone. */
final class Feeding {
    private static final double NANOS_PER_S = 1e9;

    private final SparkSession spark;
    private final PreparedJob job;
    private final RunContext run;
    private final long endMs;
    private final FeedCounters counters;

    /** {@code endMs}: when the last row is to be finished, in milliseconds since 1970. */
    Feeding(SparkSession spark, PreparedJob job, RunContext run, long endMs) {
        this.spark = spark;
        this.job = job;
        this.run = run;
        this.endMs = endMs;
        this.counters = FeedCounters.in(spark.sparkContext());
    }

    /** Runs the model; how long that took, in seconds. */
    double go(PromptTable table, JournalTable journal, Earlier earlier, ProgressListener listener) {
        long beganNanos = System.nanoTime();
        SparkContext context = spark.sparkContext();
        ProgressReporter.Goal goal =
                new ProgressReporter.Goal(table.rows() * job.options().samples(), earlier.outputs(), earlier.errors());
        context.setJobDescription("Night Train: generate");
        try (ProgressReporter reporter = ProgressReporter.start(context, listener, goal, this::ended)) {
            feed(table, journal, false);
            if (counters.suspicious().value() > 0 && counters.left().value() == 0) {
                context.setJobDescription("Night Train: generate, one row at a time");
                feed(table, journal, true);
                counters.suspicious().reset();
            }
        } catch (RuntimeException failed) {
            throw userErrorIn(failed);
        } finally {
            context.setJobDescription(null);
        }
        return (System.nanoTime() - beganNanos) / NANOS_PER_S;
    }

    private void feed(PromptTable table, JournalTable journal, boolean alone) {
        GenerateOptions options = job.options();
        Dataset<Row> ordered = FeedOrder.of(
                        spark.sparkContext(),
                        table.rows(),
                        options.samples(),
                        options.engine().maxNumSeqs())
                .deal(Earlier.skip(table.prompts(), journal));
        Journal tries = job.folder().journal();
        Pass pass = new Pass(alone, Tries.in(tries, ""), endMs);
        FeedStage.of(spark, job.folder().scratch(run.runId(), "ordered"))
                .run(
                        alone && speculates() ? ordered.coalesce(1) : ordered,
                        new FeedTask(FeedSpec.of(run, pass, options), counters));
    }

    /** Spark copies tasks that have others to be compared with; a copy would take the row that the first has for a deadly one. */
    private boolean speculates() {
        return spark.sparkContext().getConf().getBoolean("spark.speculation", false);
    }

    FeedCounters counters() {
        return counters;
    }

    /** Outputs that the deadline left to another run. */
    long left() {
        return counters.left().value() + counters.suspicious().value();
    }

    private Heartbeat ended() {
        return new Heartbeat(
                run.runId(),
                "all",
                counters.rows().value(),
                counters.errors().value(),
                counters.outputTokens().value());
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
