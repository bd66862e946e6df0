package nighttrain.jobs;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.pipeline.engine.EngineFactory;
import nighttrain.pipeline.engine.RealEngines;

/** Engines that take what they are offered, as the real one does, and are never done with it. */
record MuteEngines() implements EngineFactory {
    private static final long serialVersionUID = 1L;

    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        return new Mute(new RealEngines().open(config, model, dummy));
    }

    private record Mute(Engine engine) implements Engine {
        @Override
        public EnginePlan plan() {
            return engine.plan();
        }

        @Override
        public List<EngineStats> replicaStats() {
            return engine.replicaStats();
        }

        @Override
        public void close() {
            engine.close();
        }

        @Override
        public Session session() {
            Session session = engine.session();
            return new Session() {
                @Override
                public boolean offer(GenerationRequest request) {
                    return session.offer(request);
                }

                @Override
                public Optional<Generation> poll(Duration atMost) throws InterruptedException {
                    Thread.sleep(atMost.toMillis());
                    return Optional.empty();
                }

                @Override
                public int inFlight() {
                    return session.inFlight();
                }

                @Override
                public void close() {
                    session.close();
                }
            };
        }
    }
}
