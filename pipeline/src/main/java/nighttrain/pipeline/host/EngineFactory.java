package nighttrain.pipeline.host;

import java.io.Serializable;
import java.nio.file.Path;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.ModelSpec;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;

/** Opens engines. Spark sends it to executors. */
@FunctionalInterface
public interface EngineFactory extends Serializable {
    /**
     * Opens an engine.
     *
     * @param model checkpoint directory on this machine
     * @param dummy whether weights are random, in the shapes of its {@code config.json}
     */
    Engine open(EngineConfig config, Path model, boolean dummy);

    /** The plan of {@code config} for a model; throws {@link nighttrain.io.UserError} if it cannot work. */
    default EnginePlan plan(EngineConfig config, ModelSpec model) {
        return Engines.plan(config, model);
    }

    /** The engine of this project. */
    record RealEngines() implements EngineFactory {
        private static final long serialVersionUID = 1L;

        @Override
        public Engine open(EngineConfig config, Path model, boolean dummy) {
            return open(config, model, dummy, () -> {});
        }

        /** The same, of which {@code planned} hears when all that remains is to load the weights. */
        static EngineFactory telling(Runnable planned) {
            return (config, model, dummy) -> open(config, model, dummy, planned);
        }

        private static Engine open(EngineConfig config, Path model, boolean dummy, Runnable planned) {
            try (Checkpoint checkpoint = dummy ? Checkpoints.dummy(model) : Checkpoints.open(model)) {
                return Engines.open(config, checkpoint, planned);
            }
        }
    }

    /**
     * Identifies an engine: tasks whose keys differ in the lengths that they expect, if at all, share one.
     *
     * @param model checkpoint directory on the executor
     * @param dummyWeights random weights instead of the checkpoint's
     * @param config the engine's configuration
     */
    public record EngineKey(String model, boolean dummyWeights, EngineConfig config) implements Serializable {
        /** The engine of a job. */
        public static EngineKey of(GenerateOptions options) {
            return new EngineKey(options.model(), options.dummyWeights(), options.engine());
        }

        /** The same, sized for these lengths if it is not open. */
        public EngineKey expecting(Lengths lengths) {
            return new EngineKey(model, dummyWeights, config.with(lengths));
        }

        /** Whether an engine that was opened for this key serves {@code other}: an open engine takes sequences of any length. */
        boolean serves(EngineKey other) {
            return expecting(Lengths.UNKNOWN).equals(other.expecting(Lengths.UNKNOWN));
        }

        /** The engine of a job with these settings. */
        public static EngineKey of(SettingValues values) {
            return new EngineKey(
                    values.get(Settings.MODEL),
                    values.get(Settings.LOAD_FORMAT) == LoadFormat.DUMMY,
                    GenerateOptions.engine(values));
        }
    }
}
