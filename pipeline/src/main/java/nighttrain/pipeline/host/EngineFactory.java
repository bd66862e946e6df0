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

        /** Returns a factory that runs {@code planned} when only the weights remain to be loaded. */
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
     * Identifies an engine. Tasks whose keys differ at most in the expected lengths share an engine.
     *
     * @param model checkpoint directory on the executor
     * @param dummyWeights whether weights are random instead of the checkpoint's
     * @param config the engine's configuration
     */
    public record EngineKey(String model, boolean dummyWeights, EngineConfig config) implements Serializable {
        /** Returns the key of a job's engine. */
        public static EngineKey of(GenerateOptions options) {
            return new EngineKey(options.model(), options.dummyWeights(), options.engine());
        }

        /** Returns the same key with these expected lengths, for which the engine is sized if it is not open. */
        public EngineKey expecting(Lengths lengths) {
            return new EngineKey(model, dummyWeights, config.with(lengths));
        }

        /** Whether an engine that was opened for this key serves {@code other}: an open engine takes sequences of any length. */
        boolean serves(EngineKey other) {
            return expecting(Lengths.UNKNOWN).equals(other.expecting(Lengths.UNKNOWN));
        }

        /** Returns the key of the engine of a job with these settings. */
        public static EngineKey of(SettingValues values) {
            return new EngineKey(
                    values.get(Settings.MODEL),
                    values.get(Settings.LOAD_FORMAT) == LoadFormat.DUMMY,
                    GenerateOptions.engine(values));
        }
    }
}
