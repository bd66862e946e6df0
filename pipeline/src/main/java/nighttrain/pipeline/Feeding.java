package nighttrain.pipeline;

import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.host.RunContext;
import nighttrain.pipeline.task.TaskCounters;
import nighttrain.pipeline.task.TaskSpec;
import nighttrain.pipeline.task.GenerateTask;
import nighttrain.pipeline.task.Pass;
import nighttrain.pipeline.task.AttemptCounts;
import nighttrain.pipeline.partition.TokenEstimate;
import nighttrain.pipeline.partition.PartitionPlan;
import nighttrain.pipeline.cluster.GenerateStage;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.monitor.ProgressReporter;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.resume.CompletedRows;
import nighttrain.pipeline.resume.JournalTable;
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
    private final TaskCounters counters;

    /** {@code endMs}: when the last row is to be finished, in milliseconds since 1970. */
    Feeding(SparkSession spark, PreparedJob job, RunContext run, long endMs) {
        this.spark = spark;
        this.job = job;
        this.run = run;
        this.endMs = endMs;
        this.counters = TaskCounters.in(spark.sparkContext());
    }

    /** Runs the model on the prompts that the journal lacks, of {@code outputs} in all; how long that took, in seconds. */
    double go(Dataset<Row> prompts, long outputs, JournalTable journal, CompletedRows earlier, ProgressListener listener) {
        long beganNanos = System.nanoTime();
        SparkContext context = spark.sparkContext();
        ProgressReporter.Goal goal = new ProgressReporter.Goal(
                run.runId(), job.folder().output().toString(), outputs, earlier.outputs(), earlier.errors());
        context.setJobDescription("Night Train: generate");
        try (ProgressReporter reporter = ProgressReporter.start(context, listener, goal, counters::done)) {
            feed(ordered(CompletedRows.skip(prompts, journal), outputs - earlier.outputs(), earlier), false, listener);
            if (counters.suspicious().value() > 0 && counters.left().value() == 0) {
                context.setJobDescription("Night Train: generate, one row at a time");
                feed(
                        ordered(
                                CompletedRows.skip(prompts, journal),
                                counters.suspicious().value(),
                                earlier),
                        true,
                        listener);
                counters.suspicious().reset();
            }
        } catch (RuntimeException failed) {
            throw userErrorIn(failed);
        } finally {
            context.setJobDescription(null);
        }
        return (System.nanoTime() - beganNanos) / NANOS_PER_S;
    }

    private Dataset<Row> ordered(Dataset<Row> left, long outputs, CompletedRows earlier) {
        GenerateOptions options = job.options();
        TokenEstimate estimate = TokenEstimate.of(
                options.sampling().maxTokens(), job.model().maxModelLen(), earlier.outputs(), earlier.outputTokens());
        return PartitionPlan.of(left, outputs, estimate, options.engine().maxNumSeqs())
                .deal(left);
    }

    private void feed(Dataset<Row> ordered, boolean alone, ProgressListener listener) {
        Pass pass = new Pass(alone, AttemptCounts.in(job.folder().journal(), ""), endMs);
        GenerateStage.of(
                        spark,
                        job.folder().scratch(run.runId(), "ordered"),
                        job.options().settings().get(Settings.EXECUTOR_WAIT),
                        listener::waits)
                .run(
                        alone && speculates() ? ordered.coalesce(1) : ordered,
                        new GenerateTask(TaskSpec.of(run, pass, job.options()), counters));
    }

    /** Spark copies tasks that have others to be compared with; a copy would take the row that the first has for a deadly one. */
    private boolean speculates() {
        return spark.sparkContext().getConf().getBoolean("spark.speculation", false);
    }

    TaskCounters counters() {
        return counters;
    }

    /** Outputs that the deadline left to another run. */
    long left() {
        return counters.left().value() + counters.suspicious().value();
    }

    /** What an executor found that the driver could not see, a model that is not on its disk for one, is the user's too. */
    private static RuntimeException userErrorIn(RuntimeException failed) {
        return Causes.first(failed, UserError.class)
                .map(RuntimeException.class::cast)
                .orElse(failed);
    }
}
