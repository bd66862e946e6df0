package nighttrain.pipeline;

import java.time.ZoneId;
import java.time.ZonedDateTime;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineKey;
import nighttrain.pipeline.host.RunContext;
import nighttrain.pipeline.cluster.ExecutorLosses;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.resume.Duplicates;
import nighttrain.pipeline.resume.CompletedRows;
import nighttrain.pipeline.resume.JournalTable;
import org.apache.spark.broadcast.Broadcast;
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
        // Once per run: it is large, and every task needs it.
        Broadcast<SerializableConfiguration> hadoop = SerializableConfiguration.broadcast(
                spark.sparkContext(), spark.sessionState().newHadoopConf());
        JournalTable journal = new JournalTable(spark, job.folder().journal(), hadoop);

        PromptTable table = PromptTable.of(
                job.source(), job.columns(), job.folder().staged(), job.folder().scratch(runId, "staged"));
        Duplicates duplicates = job.options().dedup()
                ? Duplicates.among(
                        table.prompts(), journal, job.folder(), job.folder().scratch(runId, "duplicates"))
                : Duplicates.none();
        CompletedRows earlier = CompletedRows.in(journal, duplicates);
        long outputs = table.rows() * job.options().samples() - duplicates.count();
        Feeding feeding = new Feeding(spark, job, context(hadoop), endMs());
        try (ExecutorLosses losses = ExecutorLosses.watch(spark.sparkContext())) {
            double generatingS = outputs == earlier.outputs()
                    ? 0
                    : feeding.go(duplicates.leaveOut(table.prompts()), outputs, journal, earlier, progress);
            if (feeding.left() > 0) {
                return GenerateReport.ofStopped(job.folder(), outputs, feeding.left(), earlier, elapsedS());
            }
            return new Commit(spark, job, runId, feeding.counters().enginesMet(), losses)
                    .write(table, journal, duplicates, earlier, generatingS, this::elapsedS);
        }
    }

    private long endMs() {
        return job.options()
                .settings()
                .find(Settings.DEADLINE)
                .map(deadline ->
                        deadline.from(ZonedDateTime.now(ZoneId.systemDefault())).toEpochMilli())
                .orElse(Long.MAX_VALUE);
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
}
