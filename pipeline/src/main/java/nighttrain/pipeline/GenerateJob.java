package nighttrain.pipeline;

import java.util.Optional;
import nighttrain.pipeline.cluster.FirstExecutor;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineFactory.RealEngines;
import nighttrain.pipeline.job.JobLock;
import nighttrain.pipeline.job.JobLock.RunId;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.read.UnreadableFile;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.write.OutputTable;
import org.apache.hadoop.fs.FSError;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a job: reads prompts from a table and writes completions to a table. */
public final class GenerateJob {
    private static final Logger LOG = LoggerFactory.getLogger(GenerateJob.class);

    private final EngineFactory engines;

    /** Creates a job runner with the real engine. */
    public GenerateJob() {
        this(new RealEngines());
    }

    /** Creates a job runner with other engines. */
    public GenerateJob(EngineFactory engines) {
        this.engines = engines;
    }

    /**
     * Reads {@code --input} and writes {@code --output}.
     *
     * @throws nighttrain.io.UserError for an error that the user can fix; nothing is written then
     */
    public GenerateReport run(SparkSession spark, GenerateOptions options, ProgressListener progress) {
        FirstExecutor.await(spark.sparkContext(), options.settings().get(Settings.EXECUTOR_WAIT), progress::waits);
        return run(spark, options, new InputReader(spark).open(options.input()), progress);
    }

    /** As {@link #run(SparkSession, GenerateOptions, ProgressListener)}, with an open input. */
    public GenerateReport run(
            SparkSession spark, GenerateOptions options, InputSource source, ProgressListener progress) {
        long startNanos = System.nanoTime();
        PreparedJob job = PreparedJob.check(spark, options, source, engines);
        for (String warning : job.model().warnings()) {
            LOG.warn(warning);
            progress.warns("warning: " + warning);
        }
        Optional<OutputTable> table = OutputTable.of(spark, job.options());
        if (job.isComplete()) {
            table.ifPresent(asked -> job.refuseToFillLater(asked.name()));
            return FinishedJob.of(spark, job).report();
        }
        table.ifPresent(asked -> asked.prepare(source));
        String runId = RunId.next();
        try (JobLock lock = JobLock.take(job.folder(), runId)) {
            if (job.replaces()) {
                job.folder().clear();
            }
            job.folder().write(job.fingerprint());
            job.forgetErrors();
            return new GenerateRun(spark, job, engines, lock.run(), startNanos, progress).run();
        } catch (Exception | FSError failed) { // Scala throws checked exceptions that no signature names
            RunFault.throwIfBehind(failed);
            UnreadableFile.throwIfBehind(failed);
            throw failed;
        }
    }
}
