package nighttrain.pipeline.testing;

import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.io.spec.ModelSpec;
import nighttrain.pipeline.host.EngineFactory;

/**
 * Engines that echo their prompts and stand in for a model in tests of the pipeline. Tasks find their script by name, since tasks get copies of what
 * they are sent.
 *
 * @param name name of the {@link FakeScript} that defines how they behave
 */
public record FakeEngines(String name) implements EngineFactory {
    private static final Map<String, FakeScript> SCRIPTS = new ConcurrentHashMap<>();

    /** Creates engines without special behavior. */
    public static FakeEngines create() {
        FakeEngines engines = new FakeEngines(UUID.randomUUID().toString());
        SCRIPTS.put(engines.name, new FakeScript());
        return engines;
    }

    /** Returns their script: how they behave, and what they did. */
    public FakeScript script() {
        return SCRIPTS.get(name);
    }

    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        script().opened.incrementAndGet();
        return new FakeEngine(script(), plan(config, TinyModel.CONTEXT_TOKENS));
    }

    @Override
    public EnginePlan plan(EngineConfig config, ModelSpec model) {
        return plan(config, model.maxPositions());
    }

    private EnginePlan plan(EngineConfig config, int contextTokens) {
        int maxModelLen = config.steps().maxModelLen() > 0 ? config.steps().maxModelLen() : contextTokens;
        return new EnginePlan(
                Backend.CPU,
                "echo",
                1,
                1,
                Engines.mostSequences(config, false),
                config.steps().maxBatchTokens(),
                maxModelLen,
                config.kv().pageTokens(),
                1,
                config.kv().prefixCache(),
                1);
    }
}
