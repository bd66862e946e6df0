package nighttrain.pipeline;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.Engines;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.constraint.Constraints;
import nighttrain.io.constraint.TokenAutomaton;
import nighttrain.io.table.Summary.Prediction;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.host.EngineHost;
import nighttrain.pipeline.job.Fingerprint;
import nighttrain.pipeline.job.JobFingerprints;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.row.PromptText;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.row.RowKind.PromptForm;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.write.ResultColumns;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * A job that passed every check that is possible before anything is written.
 *
 * @param options the user's options
 * @param source the input
 * @param columns the columns that the job uses
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
        ModelFacts model,
        JobFolder folder,
        Fingerprint fingerprint,
        Optional<Prediction> prediction,
        boolean replaces) {
    /**
     * Checks a job.
     *
     * @param enginesHere whether engines will run on this machine
     * @throws UserError for the first fault found
     */
    static PreparedJob check(
            GenerateOptions asked,
            InputSource source,
            boolean enginesHere,
            EngineFactory engines,
            Configuration hadoop) {
        Optional<Prediction> prediction = asked.settings().find(Settings.PLAN).map(Prediction::read);
        InputColumns columns = InputColumns.of(source.schema(), asked, ResultColumns.names(asked));
        ModelFacts model = ModelFacts.check(asked, columns.prompt(), enginesHere, engines);
        GenerateOptions options = asked.with(model.kind());
        JobFolder folder = JobFolder.of(options.output().path(), hadoop);
        options.input().path().ifPresent(input -> refuseWithin(input, folder));
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
        PreparedJob job = new PreparedJob(options, source, columns, model, folder, fingerprint, prediction, replaces);
        if (folder.fingerprint().isPresent() && !replaces) {
            job.refuseToResume(changes);
        }
        return job;
    }

    /** Whether an earlier run finished it. */
    boolean isComplete() {
        return !replaces && folder.isComplete();
    }

    private void refuseToResume(List<String> changes) {
        if (!changes.isEmpty()) {
            throw UserError.of(
                    "output belongs to another job",
                    folder.output(),
                    "changed: " + String.join(", ", changes) + "; use --overwrite to replace it, or another --output");
        }
        if (!options.output().resume()) {
            throw UserError.of(
                    "output exists",
                    folder.output(),
                    "resuming is off; leave out --resume false, or use --overwrite to replace it, or another --output");
        }
    }

    /** Results inside the input would be prompts of the next run. */
    private static void refuseWithin(String input, JobFolder folder) {
        String above = folder.fs().makeQualified(new Path(input)).toString();
        if ((folder.output() + "/").startsWith(above + "/")) {
            throw UserError.of(
                    "output lies in the input", folder.output(), "a directory beside it; choose another --output");
        }
    }

    /**
     * What the driver knows about a model before an executor opens it.
     *
     * @param fingerprint identifies its content
     * @param architecture its name and settings
     * @param maxModelLen longest prompt plus output, in tokens
     * @param warnings what is odd about its files, or about how an engine serves it, though it can be used
     * @param kind what rows become, with the model's tokens
     */
    public record ModelFacts(
            String fingerprint, String architecture, int maxModelLen, List<String> warnings, RowKind kind) {
        /**
         * Opens and closes everything that executors will open, except the weights.
         *
         * @param prompts how prompts are made
         * @param here whether the engine will run on this machine, whose GPUs and memory are then checked too
         * @throws nighttrain.io.UserError if something is missing, broken or incompatible
         */
        static ModelFacts check(GenerateOptions options, PromptForm prompts, boolean here, EngineFactory engines) {
            java.nio.file.Path dir = java.nio.file.Path.of(options.model());
            try (Checkpoint checkpoint = options.dummyWeights() ? Checkpoints.dummy(dir) : Checkpoints.open(dir);
                    Tokenizer tokenizer = Tokenizer.open(dir)) {
                Checkpoints.checkTensors(checkpoint);
                if (options.prompts().system().isPresent() || prompts.isConversation()) {
                    options.prompts().chat().open(dir);
                }
                options.constraint().ifPresent(constraint -> checkLength(options, constraint, tokenizer));
                PromptText text = new PromptText(
                        tokenizer,
                        () -> options.prompts().chat().open(dir),
                        options.prompts().system());
                RowKind kind = options.input().kind().prepared(text, prompts);
                Engines.check(options.engine(), checkpoint.spec());
                if (here) {
                    EngineHost.here().check(EngineKey.of(options), engines, checkpoint.spec());
                }
                return new ModelFacts(
                        checkpoint.fingerprint(),
                        ModelFootprint.of(checkpoint.spec()).architecture(),
                        Engines.maxModelLen(options.engine(), checkpoint.spec()),
                        Stream.concat(
                                        checkpoint.warnings().stream(),
                                        Engines.warnings(options.engine(), checkpoint.spec()).stream())
                                .toList(),
                        kind);
            }
        }

        private static void checkLength(GenerateOptions options, Constraint constraint, Tokenizer tokenizer) {
            int fewest =
                    new Constraints(tokenizer.vocabulary()).compile(constraint).fewestTokens()[TokenAutomaton.START];
            if (fewest > options.sampling().maxTokens()) {
                throw UserError.of(
                        "bad value of --max-tokens",
                        options.sampling().maxTokens(),
                        "the constraint needs " + fewest + "; use at least that");
            }
        }
    }
}
