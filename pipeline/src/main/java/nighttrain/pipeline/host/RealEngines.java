package nighttrain.pipeline.host;

import java.nio.file.Path;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.Engines;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;

/** The engine of this project. */
public final class RealEngines implements EngineFactory {
    private static final long serialVersionUID = 1L;

    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        try (Checkpoint checkpoint = dummy ? Checkpoints.dummy(model) : Checkpoints.open(model)) {
            return Engines.open(config, checkpoint);
        }
    }
}
