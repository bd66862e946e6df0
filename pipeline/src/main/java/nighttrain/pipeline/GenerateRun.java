package nighttrain.pipeline;

import java.time.ZoneId;
import java.time.ZonedDateTime;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.Engines;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.cluster.ExecutorLosses;
import nighttrain.pipeline.cluster.GenerateStage;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.host.RunContext;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.monitor.ProgressReporter;
import nighttrain.pipeline.partition.PartitionPlan;
import nighttrain.pipeline.partition.TokenEstimate;
import nighttrain.pipeline.progress.LengthsExpected;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.resume.CompletedRows;
import nighttrain.pipeline.resume.Duplicates;
import nighttrain.pipeline.resume.ForgottenErrors;
import nighttrain.pipeline.resume.JournalTable;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.task.AttemptCounts;
import nighttrain.pipeline.task.GenerateTask;
import nighttrain.pipeline.task.TaskCounters;
import nighttrain.pipeline.task.TaskSpec;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/** One run of a job: it reads the prompts, skips what is done, partitions the rest, generates, and commits. */
final class GenerateRun {
    private static final double NANOS_PER_S = 1e9;

    private final SparkSession spark;
    private final PreparedJob job;
    private final EngineFactory engines;
    private final String runId;
    private final long startNanos;
    private final ProgressListener listener;
    private final TaskCounters counters;

    GenerateRun(
            SparkSession spark,
            PreparedJob job,
            EngineFactory engines,
            String runId,
            long startNanos,
            ProgressListener listener) {
        this.spark = spark;
        this.job = job;
        this.engines = engines;
        this.runId = runId;
        this.startNanos = startNanos;
        this.listener = listener;
        this.counters = TaskCounters.in(spark.sparkContext());
    }

    GenerateReport run() {
        // The configuration is broadcast once per run: it is large, and every task needs it.
        Broadcast<SerializableConfiguration> hadoop = JavaSparkContext.fromSparkContext(spark.sparkContext())
                .broadcast(new SerializableConfiguration(spark.sessionState().newHadoopConf()));
        JournalTable journal = new JournalTable(spark, job.folder(), hadoop);

        tellLengths();
        PromptTable table = PromptTable.of(
                job.source(), job.columns(), job.folder().staged(), job.folder().scratch(runId, "staged"));
        Duplicates duplicates = job.options().dedup()
                ? Duplicates.among(
                        table.prompts(), journal, job.folder(), job.folder().scratch(runId, "duplicates"))
                : Duplicates.none();
        CompletedRows completed = CompletedRows.in(journal, duplicates);
        long outputs = table.rows() * job.options().samples() - duplicates.count();
        try (ExecutorLosses losses = ExecutorLosses.watch(spark.sparkContext())) {
            double generatingS = outputs == completed.outputs()
                    ? 0
                    : generate(hadoop, duplicates.leaveOut(table.prompts()), outputs, journal, completed);
            long left = counters.left().value() + counters.suspicious().value();
            if (left > 0) {
                return GenerateReport.ofStopped(job.folder(), outputs, left, completed, elapsedS());
            }
            return new Commit(spark, job, runId, counters.enginesUsed(), losses)
                    .write(table, journal, duplicates, completed, generatingS, this::elapsedS);
        }
    }

    /** Posts the expected lengths, so that waiting executors open their engines while the driver places and surveys the prompts. */
    private void tellLengths() {
        Lengths lengths = job.glance()
                .map(seen -> sized(EngineKey.of(job.options()), seen.lengths(estimate(0, 0)))
                        .config()
                        .lengths())
                .orElse(Lengths.UNKNOWN);
        spark.sparkContext().listenerBus().post(new LengthsExpected(lengths));
    }

    /**
     * Runs the model on the prompts that the journal lacks: first all of them together, then each suspicious row isolated.
     *
     * @param outputs number of outputs of the whole job
     * @return how long that took, in seconds
     */
    private double generate(
            Broadcast<SerializableConfiguration> hadoop,
            Dataset<Row> prompts,
            long outputs,
            JournalTable journal,
            CompletedRows completed) {
        long startedNanos = System.nanoTime();
        long endMs = endMs();
        SparkContext context = spark.sparkContext();
        ProgressReporter.Goal goal = new ProgressReporter.Goal(
                runId, job.folder().output().toString(), outputs, completed.outputs(), completed.errors());
        context.setJobDescription("Night Train: generate");
        try (ProgressReporter reporter = ProgressReporter.start(context, listener, goal, counters::done)) {
            Dataset<Row> left = journal.leaveOutFinished(prompts);
            PartitionPlan partitions = partition(left, outputs - completed.outputs(), completed);
            RunContext run = context(hadoop, partitions);
            pass(run, false, endMs, partitions.partition(left));
            if (counters.suspicious().value() > 0 && counters.left().value() == 0) {
                context.setJobDescription("Night Train: generate, one row at a time");
                left = journal.leaveOutFinished(prompts);
                pass(
                        run,
                        true,
                        endMs,
                        partition(left, counters.suspicious().value(), completed)
                                .partition(left));
                counters.suspicious().reset();
            }
        } catch (RuntimeException failed) {
            // A fault that only an executor can see, such as a model missing on its disk, is a user's error too.
            throw Causes.first(failed, UserError.class)
                    .map(RuntimeException.class::cast)
                    .orElse(failed);
        } finally {
            context.setJobDescription(null);
        }
        return (System.nanoTime() - startedNanos) / NANOS_PER_S;
    }

    private PartitionPlan partition(Dataset<Row> left, long outputs, CompletedRows completed) {
        return PartitionPlan.of(
                left,
                outputs,
                estimate(completed.outputs(), completed.outputTokens()),
                Engines.mostSequences(job.options().engine(), job.onGpus()));
    }

    private TokenEstimate estimate(long outputsBefore, long outputTokensBefore) {
        return TokenEstimate.of(
                        job.options().decoding().sampling().maxTokens(),
                        job.model().maxModelLen(),
                        outputsBefore,
                        outputTokensBefore)
                .ofTokens(job.model().charsPerToken());
    }

    private void pass(RunContext run, boolean isolated, long endMs, Dataset<Row> partitioned) {
        ForgottenErrors forgotten = ForgottenErrors.of(job.folder());
        AttemptCounts attempts = AttemptCounts.in(job.folder().journal(), "", file -> !forgotten.covers(file));
        TaskSpec.Pass pass = new TaskSpec.Pass(isolated, attempts, endMs);
        GenerateStage stage = new GenerateStage(
                spark,
                job.folder().scratch(runId, "ordered"),
                job.options().settings().get(Settings.EXECUTOR_WAIT),
                listener::waits);
        stage.run(
                isolated && speculates() ? partitioned.coalesce(1) : partitioned,
                new GenerateTask(TaskSpec.of(run, pass, job.options()), counters));
    }

    /**
     * Whether Spark copies slow tasks, which it does when it can compare them with others. A copy would mistake the row that the first
     * isolates for a poison row.
     */
    private boolean speculates() {
        return spark.sparkContext().getConf().getBoolean("spark.speculation", false);
    }

    /** Returns the time by which the last row must be finished, in milliseconds since 1970. */
    private long endMs() {
        return job.options()
                .settings()
                .find(Settings.DEADLINE)
                .map(deadline ->
                        deadline.from(ZonedDateTime.now(ZoneId.systemDefault())).toEpochMilli())
                .orElse(Long.MAX_VALUE);
    }

    /** Returns the context of the run, whose engines, unless already open, are sized for the surveyed lengths. */
    private RunContext context(Broadcast<SerializableConfiguration> hadoop, PartitionPlan partitions) {
        EngineKey key = EngineKey.of(job.options());
        return new RunContext(
                runId,
                partitions.lengths().map(lengths -> sized(key, lengths)).orElse(key),
                engines,
                job.folder().journal().dir().toString(),
                hadoop);
    }

    private static EngineKey sized(EngineKey key, Lengths surveyed) {
        int output = Math.min(surveyed.outputTokens(), key.config().lengths().outputTokens());
        return key.expecting(new Lengths(surveyed.promptTokens(), output));
    }

    private double elapsedS() {
        return (System.nanoTime() - startNanos) / NANOS_PER_S;
    }
}
