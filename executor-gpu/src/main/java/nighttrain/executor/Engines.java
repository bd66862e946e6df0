package nighttrain.executor;

import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.ModelConfig;

/** The one place that chooses an engine's backend and layout. */
public final class Engines {
    private Engines() {}

    /** What {@code config} comes to for this model on this machine. */
    public static EnginePlan plan(EngineConfig config, ModelConfig model) {
        throw new IllegalStateException("not yet");
    }

    /** Opens an engine; the checkpoint may be closed once this returns. */
    public static Engine open(EngineConfig config, Checkpoint checkpoint) {
        throw new IllegalStateException("not yet");
    }
}
