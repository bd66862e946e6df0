package nighttrain.pipeline.host;

import java.nio.file.Path;
import nighttrain.executor.Engines;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.settings.GenerateOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the driver knows of a model before any executor opens it.
 *
 * @param fingerprint names its content
 * @param architecture its name and settings
 * @param maxModelLen longest prompt plus output, in tokens
 */
public record ModelFacts(String fingerprint, String architecture, int maxModelLen) {
    private static final Logger LOG = LoggerFactory.getLogger(ModelFacts.class);

    /**
     * Opens everything that executors will open, weights aside, and closes it again.
     *
     * @param chat whether the model's chat template is needed
     * @param here whether the engine will run on this machine, so that what it lacks can be told before anything is written
     * @throws nighttrain.io.UserError for whatever is missing, broken or cannot work together
     */
    public static ModelFacts check(GenerateOptions options, boolean chat, boolean here, EngineFactory engines) {
        Path dir = Path.of(options.model());
        try (Checkpoint checkpoint = options.dummyWeights() ? Checkpoints.dummy(dir) : Checkpoints.open(dir);
                Tokenizer tokenizer = Tokenizer.open(dir)) {
            checkpoint.warnings().forEach(LOG::warn);
            Checkpoints.checkTensors(checkpoint);
            if (chat) {
                options.prompts().chat().open(dir);
            }
            Engines.check(options.engine(), checkpoint.spec());
            if (here) {
                EngineHost.here().check(EngineKey.of(options), engines, checkpoint.spec());
            }
            return new ModelFacts(
                    checkpoint.fingerprint(),
                    ModelFootprint.of(checkpoint.spec()).architecture(),
                    Engines.maxModelLen(options.engine(), checkpoint.spec()));
        }
    }
}
