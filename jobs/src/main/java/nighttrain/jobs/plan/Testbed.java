package nighttrain.jobs.plan;

import java.io.Serializable;
import java.nio.file.Path;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.pipeline.engine.EngineHost;
import nighttrain.pipeline.engine.EngineKey;

/**
 * Where a trial runs, as it was measured there.
 *
 * @param plan of the engine
 * @param hardware what its devices give
 * @param machine in words
 */
record Testbed(EnginePlan plan, HardwareProfile hardware, String machine) implements Serializable {
    /** This process; takes seconds, and wants no engine beside it. */
    static Testbed here(EngineKey key) {
        EngineConfig config = EngineHost.here().here(key.config());
        Path model = Path.of(key.model());
        try (Checkpoint checkpoint = key.dummyWeights() ? Checkpoints.dummy(model) : Checkpoints.open(model)) {
            EnginePlan plan = Engines.plan(config, checkpoint.spec());
            return new Testbed(plan, Engines.measured(config, plan), Engines.machine(config));
        }
    }
}
