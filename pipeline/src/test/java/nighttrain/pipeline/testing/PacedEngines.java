package nighttrain.pipeline.testing;

import java.nio.file.Path;
import java.time.Duration;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.io.spec.ModelSpec;
import nighttrain.pipeline.host.EngineFactory;
import org.apache.spark.SparkEnv;

/**
 * Engines that take the time of a GPU without having one. A step lasts {@code stepMs} and gives each of up to {@code maxNumSeqs} sequences one token,
 * of its prompt or of its output, which repeats the prompt.
 *
 * @param stepMs milliseconds of a step
 * @param side engines side by side in one process, in place of as many executors
 * @param slowExecutor executor whose steps last longer
 * @param slowness how many times longer
 */
public record PacedEngines(int stepMs, int side, String slowExecutor, int slowness) implements EngineFactory {
    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        boolean slow = SparkEnv.get().executorId().equals(slowExecutor);
        Duration step = Duration.ofMillis((long) stepMs * (slow ? slowness : 1));
        return new PacedEngine(plan(config, config.steps().maxModelLen()), side, step);
    }

    @Override
    public EnginePlan plan(EngineConfig config, ModelSpec model) {
        return plan(config, model.maxPositions());
    }

    private EnginePlan plan(EngineConfig config, int contextTokens) {
        return new EnginePlan(
                Backend.CPU,
                "paced",
                side,
                1,
                Engines.mostSequences(config, false),
                Engines.mostSequences(config, false),
                contextTokens,
                config.kv().pageTokens(),
                1,
                false,
                1);
    }
}
