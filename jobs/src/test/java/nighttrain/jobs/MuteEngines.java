package nighttrain.jobs;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.request.Generation;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineFactory.RealEngines;

/** Engines that accept requests as the real one does and never answer. */
record MuteEngines() implements EngineFactory {
    private static final long serialVersionUID = 1L;

    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        return new ForwardingEngine(new RealEngines().open(config, model, dummy)) {
            @Override
            Optional<Generation> poll(Session session, Duration atMost) throws InterruptedException {
                Thread.sleep(atMost.toMillis());
                return Optional.empty();
            }
        };
    }
}
