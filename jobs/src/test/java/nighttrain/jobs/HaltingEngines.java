package nighttrain.jobs;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
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

/**
 * The real engine, and a prompt that ends its whole process, as a fault in a native library does.
 *
 * @param poison the tokens that such a prompt has in a row
 */
@SuppressWarnings("ArrayRecordComponent") // compared by its elements, here alone
record HaltingEngines(int[] poison) implements EngineFactory {
    private static final long serialVersionUID = 1L;

    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        return new Halting(new RealEngines().open(config, model, dummy));
    }

    private final class Halting implements Engine {
        private final Engine engine;

        Halting(Engine engine) {
            this.engine = engine;
        }

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
                    if (isPoison(request.promptTokens())) {
                        Runtime.getRuntime().halt(139);
                    }
                    return session.offer(request);
                }

                @Override
                public Optional<Generation> poll(Duration atMost) throws InterruptedException {
                    return session.poll(atMost);
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

    private boolean isPoison(int[] prompt) {
        for (int at = 0; at + poison.length <= prompt.length; at++) {
            if (Arrays.equals(prompt, at, at + poison.length, poison, 0, poison.length)) {
                return true;
            }
        }
        return false;
    }
}
