package nighttrain.pipeline.host;

import java.nio.file.Path;
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
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.partition.Glance;
import nighttrain.pipeline.partition.TokenEstimate;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.row.RowKind.PromptForm;
import nighttrain.pipeline.settings.GenerateOptions;

/**
 * Facts that the driver knows about a model before an executor opens it.
 *
 * @param fingerprint text that identifies the model's content
 * @param architecture the architecture's name and settings
 * @param maxModelLen limit of prompt plus output, in tokens
 * @param charsPerToken mean number of characters per token of a prompt
 * @param warnings oddities of the model's files or of the options that do not prevent the run
 * @param kind the row kind, prepared with the model's tokens
 */
public record ModelFacts(
        String fingerprint,
        String architecture,
        int maxModelLen,
        double charsPerToken,
        List<String> warnings,
        RowKind kind) {
    private static final String UNUSED_TEMPLATE =
            "chat template not used: --chat-template or --chat-template-args (plain prompts are continued as they are;"
                    + " name conversations by --messages-column, or give --system, which makes chats of prompts)";

    /**
     * Opens and closes everything that executors will open, except the weights.
     *
     * @param prompts how prompts are made
     * @param glance a look at some of the prompts; empty: the default number of characters per token is used
     * @param here whether the engine will run on this machine, whose GPUs and memory are then checked too
     * @throws nighttrain.io.UserError if something is missing, broken or incompatible
     */
    public static ModelFacts check(
            GenerateOptions options, PromptForm prompts, Optional<Glance> glance, boolean here, EngineFactory engines) {
        Path dir = Path.of(options.model());
        try (Checkpoint checkpoint = options.dummyWeights() ? Checkpoints.dummy(dir) : Checkpoints.open(dir);
                Tokenizer tokenizer = Tokenizer.open(dir)) {
            Checkpoints.checkTensors(checkpoint);
            boolean chats = options.prompts().system().isPresent() || prompts.isConversation();
            if (chats) {
                options.prompts().chat().open(dir);
            }
            options.constraint().ifPresent(constraint -> checkLength(options, constraint, tokenizer));
            RowKind kind = options.kind(tokenizer, prompts);
            Engines.checkUses(options.engine(), List.of(checkpoint.spec()));
            Engines.check(options.engine(), checkpoint.spec());
            if (here) {
                EngineHost.here().check(EngineKey.of(options), engines, checkpoint.spec());
            }
            return new ModelFacts(
                    checkpoint.fingerprint(),
                    ModelFootprint.of(checkpoint.spec()).architecture(),
                    Engines.maxModelLen(options.engine(), checkpoint.spec()),
                    glance.map(seen -> seen.charsPerToken(tokenizer)).orElse(TokenEstimate.CHARS_PER_TOKEN),
                    chats
                                    || kind.requestColumn().isPresent()
                                    || !options.prompts().chat().isGiven()
                            ? checkpoint.warnings()
                            : Stream.concat(checkpoint.warnings().stream(), Stream.of(UNUSED_TEMPLATE))
                                    .toList(),
                    kind);
        }
    }

    private static void checkLength(GenerateOptions options, Constraint constraint, Tokenizer tokenizer) {
        int fewest = new Constraints(tokenizer.vocabulary()).compile(constraint).fewestTokens()[TokenAutomaton.START];
        if (fewest > options.decoding().sampling().maxTokens()) {
            throw UserError.of(
                    "bad value of --max-tokens",
                    options.decoding().sampling().maxTokens(),
                    "the constraint needs " + fewest + "; use at least that");
        }
    }
}
