package nighttrain.pipeline;

import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.Engines;
import nighttrain.io.UserError;
import nighttrain.io.table.Summary.Prediction;
import nighttrain.io.table.SummaryFile;
import nighttrain.pipeline.cluster.StageGpus;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.ModelFacts;
import nighttrain.pipeline.job.Files;
import nighttrain.pipeline.job.Fingerprint;
import nighttrain.pipeline.job.JobFingerprints;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.job.UserPath;
import nighttrain.pipeline.partition.Glance;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputPattern;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.resume.ForgottenErrors;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.TableMode;
import nighttrain.pipeline.write.ResultColumns;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * A job that passed every check that is possible before anything is written.
 *
 * @param options the user's options
 * @param source the input
 * @param columns the columns that the job uses
 * @param onGpus whether engines will have GPUs, as far as the driver can tell
 * @param glance a first look at the prompts, where engines choose their batch size by it
 * @param model what the driver knows of the model
 * @param folder the output directory
 * @param fingerprint what identifies the job
 * @param prediction the plan's prediction
 * @param replaces whether what an earlier run wrote is deleted first
 */
record PreparedJob(
        GenerateOptions options,
        InputSource source,
        InputColumns columns,
        boolean onGpus,
        Optional<Glance> glance,
        ModelFacts model,
        JobFolder folder,
        Fingerprint fingerprint,
        Optional<Prediction> prediction,
        boolean replaces) {
    /**
     * Checks a job.
     *
     * @throws UserError for the first fault found
     */
    static PreparedJob check(SparkSession spark, GenerateOptions asked, InputSource source, EngineFactory engines) {
        Optional<Prediction> prediction = asked.settings().find(Settings.PLAN).map(Prediction::read);
        InputColumns columns = InputColumns.of(source.schema(), asked, ResultColumns.names(asked));
        boolean onGpus = onGpus(spark.sparkContext(), asked.engine());
        Optional<Glance> glance = onGpus && asked.engine().steps().maxNumSeqs() == 0
                ? Optional.of(Glance.at(source, columns))
                : Optional.empty();
        ModelFacts model = ModelFacts.check(
                asked, columns.prompt(), glance, spark.sparkContext().isLocal(), engines);
        GenerateOptions options = asked.with(model.kind());
        Configuration hadoop = spark.sessionState().newHadoopConf();
        JobFolder folder = JobFolder.of(options.output().path(), hadoop);
        options.input().path().ifPresent(input -> refuseWithin(input, hadoop, folder));
        folder.refuseForeign();
        Fingerprint fingerprint = JobFingerprints.of(
                options,
                model.fingerprint(),
                source.identity(columns.used()),
                columns.prompt().origin(),
                model.maxModelLen());
        List<String> changes = folder.fingerprint()
                .map(earlier -> fingerprint.changesSince(JobFingerprints.completed(earlier)))
                .orElse(List.of());
        boolean replaces = options.output().replaces(!changes.isEmpty());
        if (replaces) {
            refuseToDeleteInput(source, folder);
        }
        PreparedJob job = new PreparedJob(
                options, source, columns, onGpus, glance, model, folder, fingerprint, prediction, replaces);
        if (folder.fingerprint().isPresent() && !replaces) {
            job.refuseToResume(changes);
        }
        if (options.output().retryErrors() && !replaces) {
            job.refuseToForgetErrors();
        }
        return job;
    }

    private static boolean onGpus(SparkContext spark, EngineConfig engine) {
        SparkConf conf = spark.getConf();
        return engine.backend() != Backend.CPU
                && (spark.isLocal()
                        ? engine.backend() == Backend.CUDA || Engines.runsOnGpu(engine)
                        : StageGpus.of(conf).isPresent() || conf.getInt("spark.executor.resource.gpu.amount", 0) > 0);
    }

    /** Whether an earlier run finished the job and no failed row is to be tried again. */
    boolean isComplete() {
        return isFinished() && !reopens();
    }

    private boolean isFinished() {
        return !replaces && folder.isComplete();
    }

    /** Whether failed rows of a finished job are to be tried again. */
    private boolean reopens() {
        return options.output().retryErrors() && isFinished() && failedRows() > 0;
    }

    private long failedRows() {
        return SummaryFile.read(folder.fs(), folder.summary()).errors();
    }

    /** Marks failed rows of earlier runs as not finished, if {@code --retry-errors} is set. */
    void forgetErrors() {
        if (options.output().retryErrors()) {
            ForgottenErrors.add(folder);
            folder.reopen();
        }
    }

    private void refuseToForgetErrors() {
        if (reopens() && !folder.hasJournal()) {
            throw UserError.of(
                    "cannot try failed rows again",
                    failedRows(),
                    "as few as --max-row-errors allows, so the job is finished and its journal deleted; run the rows with an error in "
                            + folder.results() + " as another job");
        }
        if (folder.hasCommit() && options.settings().get(Settings.TABLE_MODE) == TableMode.APPEND) {
            throw UserError.of(
                    "cannot try failed rows again",
                    options.settings().find(Settings.OUTPUT_TABLE).orElse("output table"),
                    "an earlier run may have appended them there; run the rows with an error as another job");
        }
    }

    /**
     * Refuses an output table that the run which finished the job did not fill.
     *
     * @throws UserError if that run filled no table or another one
     */
    void refuseToFillLater(String table) {
        Map<String, String> settings =
                SummaryFile.read(folder.fs(), folder.summary()).settings();
        if (!table.equals(settings.get(Settings.OUTPUT_TABLE.name()))) {
            throw UserError.of(
                    "job is finished without its output table",
                    folder.output(),
                    "an earlier run did not name " + table + "; write the results there by SQL, or leave out"
                            + " --output-table, or use --overwrite to compute them again");
        }
    }

    private void refuseToResume(List<String> changes) {
        if (!changes.isEmpty()) {
            throw UserError.of(
                    "output belongs to another job",
                    folder.output(),
                    "changed: " + String.join(", ", changes)
                            + "; set these back to go on with it, use --overwrite to delete"
                            + " it and start anew, or choose another --output");
        }
        if (!options.output().resume()) {
            throw UserError.of(
                    "output exists",
                    folder.output(),
                    "resuming is off; leave out --resume false to go on with it, use --overwrite to delete it and start"
                            + " anew, or choose another --output");
        }
    }

    /** Refuses a job that would delete its own input: results of an earlier job may be prompts, but not of a job that overwrites them. */
    private static void refuseToDeleteInput(InputSource source, JobFolder folder) {
        boolean deletes = Arrays.stream(source.table(List.of()).inputFiles())
                .map(file -> new Path(URI.create(file)))
                .anyMatch(folder::clears);
        if (deletes) {
            throw UserError.of(
                    "input would be deleted",
                    folder.output(),
                    "--overwrite deletes what an earlier run wrote there, and the input is part of it; choose another"
                            + " --output");
        }
    }

    /** Results inside the input would be prompts of the next run. */
    private static void refuseWithin(String input, Configuration hadoop, JobFolder folder) {
        boolean isWithin = Files.unchecked(() -> {
            try {
                Path path = UserPath.of(input, hadoop);
                InputPattern read = InputPattern.of(path.getFileSystem(hadoop), path);
                return read.covers(folder.output())
                        || (!read.isName() && folder.sampleFiles().anyMatch(read::covers));
            } catch (UserError notFiles) { // the name of a table
                return false;
            }
        });
        if (isWithin) {
            throw UserError.of(
                    "output lies in the input", folder.output(), "a directory beside it; choose another --output");
        }
    }
}
