package nighttrain.pipeline;

import java.util.List;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.table.Prediction;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.ModelFacts;
import nighttrain.pipeline.job.Fingerprint;
import nighttrain.pipeline.job.JobFingerprints;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.write.ResultColumns;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * A job of which all that can be known beforehand is known to be right; nothing was written.
 *
 * @param options what was asked
 * @param source the input
 * @param columns what is taken from it
 * @param model what the driver knows of the model
 * @param folder where everything goes
 * @param fingerprint what identifies the job
 * @param prediction what a plan says of it
 */
record PreparedJob(
        GenerateOptions options,
        InputSource source,
        InputColumns columns,
        ModelFacts model,
        JobFolder folder,
        Fingerprint fingerprint,
        Optional<Prediction> prediction) {
    /**
     * Checks a job.
     *
     * @param enginesHere whether engines will run on this machine
     * @throws UserError for the first fault found
     */
    static PreparedJob check(
            GenerateOptions options,
            InputSource source,
            boolean enginesHere,
            EngineFactory engines,
            Configuration hadoop) {
        Optional<Prediction> prediction = options.settings().find(Settings.PLAN).map(Prediction::read);
        InputColumns columns = InputColumns.of(source.schema(), options, ResultColumns.names(options));
        ModelFacts model = ModelFacts.check(options, needsChat(options, columns), enginesHere, engines);
        JobFolder folder = JobFolder.of(options.output().path(), hadoop);
        options.input().path().ifPresent(input -> refuseWithin(input, folder));
        folder.refuseForeign();
        Fingerprint fingerprint = JobFingerprints.of(
                options,
                model.fingerprint(),
                source.identity(columns.used()),
                columns.prompt().origin(),
                model.maxModelLen());
        PreparedJob job = new PreparedJob(options, source, columns, model, folder, fingerprint, prediction);
        folder.fingerprint().ifPresent(job::refuseOtherThan);
        return job;
    }

    /** Whether an earlier run finished it. */
    boolean isComplete() {
        return !options.output().overwrite() && folder.isComplete();
    }

    private void refuseOtherThan(Fingerprint earlier) {
        if (options.output().overwrite()) {
            return;
        }
        List<String> changes = fingerprint.changesSince(JobFingerprints.completed(earlier));
        if (!changes.isEmpty()) {
            throw UserError.of(
                    "output belongs to another job",
                    folder.output(),
                    "changed: " + String.join(", ", changes) + "; use --overwrite or another --output");
        }
        if (!options.output().resume()) {
            throw UserError.of(
                    "output exists",
                    folder.output(),
                    "resuming is off; leave out --resume false, or use --overwrite or another --output");
        }
    }

    /** Results among the prompts would be prompts of the next run. */
    private static void refuseWithin(String input, JobFolder folder) {
        String above = folder.fs().makeQualified(new Path(input)).toString();
        if ((folder.output() + "/").startsWith(above + "/")) {
            throw UserError.of(
                    "output lies in the input", folder.output(), "a directory beside it; choose another --output");
        }
    }

    private static boolean needsChat(GenerateOptions options, InputColumns columns) {
        return options.prompts().system().isPresent() || columns.prompt().isConversation();
    }
}
