package nighttrain.pipeline.host;

import java.io.Serializable;
import java.nio.file.Path;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.io.spec.ModelSpec;

/** How engines come to be; travels to executors. */
@FunctionalInterface
public interface EngineFactory extends Serializable {
    /**
     * Opens an engine.
     *
     * @param model checkpoint directory on this machine
     * @param dummy random weights in the shape that its {@code config.json} says
     */
    Engine open(EngineConfig config, Path model, boolean dummy);

    /** What {@code config} comes to for a model; throws {@link nighttrain.io.UserError} for what cannot work. */
    default EnginePlan plan(EngineConfig config, ModelSpec model) {
        return Engines.plan(config, model);
    }
}
