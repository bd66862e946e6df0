package nighttrain.pipeline.engine;

import java.nio.file.Path;
import nighttrain.executor.EnginePlan;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.text.ChatTemplate;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.settings.GenerateOptions;

/**
 * What the driver knows of a model before any executor opens it.
 *
 * @param fingerprint names its content
 * @param plan what the asked-for engine comes to
 */
public record ModelFacts(String fingerprint, EnginePlan plan) {
    /**
     * Opens everything that executors will open, weights aside, and closes it again.
     *
     * @param chat whether the model's chat template is needed
     * @throws nighttrain.io.UserError for whatever is missing, broken or cannot work together
     */
    public static ModelFacts check(GenerateOptions options, boolean chat, EngineFactory engines) {
        Path dir = Path.of(options.model());
        try (Checkpoint checkpoint = options.dummyWeights() ? Checkpoints.dummy(dir) : Checkpoints.open(dir);
                Tokenizer tokenizer = Tokenizer.open(dir)) {
            Checkpoints.checkTensors(checkpoint);
            if (chat) {
                ChatTemplate.open(dir);
            }
            EnginePlan plan = engines.plan(options.engine(), checkpoint.config());
            return new ModelFacts(checkpoint.fingerprint(), plan);
        }
    }
}
