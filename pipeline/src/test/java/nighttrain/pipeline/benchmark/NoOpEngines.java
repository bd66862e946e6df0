package nighttrain.pipeline.benchmark;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicLong;
import nighttrain.executor.Backend;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.FinishReason;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.io.checkpoint.ModelConfig;
import nighttrain.pipeline.engine.EngineFactory;

/** Engines that answer every request at once with its first tokens: what is left to measure is the pipeline. */
record NoOpEngines() implements EngineFactory {
    private static final int CONTEXT_TOKENS = 512;
    private static final int IN_FLIGHT = 512;

    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        return new NoOpEngine();
    }

    @Override
    public EnginePlan plan(EngineConfig config, ModelConfig model) {
        return PLAN;
    }

    private static final EnginePlan PLAN =
            new EnginePlan(Backend.CPU, "no-op", 1, 1, 256, 8192, CONTEXT_TOKENS, 16, 1, false, 1);

    private static final class NoOpEngine implements Engine {
        private final AtomicLong answers = new AtomicLong();
        private final AtomicLong outputTokens = new AtomicLong();

        @Override
        public EnginePlan plan() {
            return PLAN;
        }

        @Override
        public Session session() {
            return new NoOpSession();
        }

        @Override
        public List<EngineStats> replicaStats() {
            return List.of(new EngineStats(0, 0, 0, 0, outputTokens.get(), answers.get(), 0, 0, 0, 0, 0, 0, 1));
        }

        @Override
        public void close() {}

        private final class NoOpSession implements Session {
            private final Queue<GenerationRequest> taken = new ArrayDeque<>();

            @Override
            public boolean offer(GenerationRequest request) {
                return taken.size() < IN_FLIGHT && taken.add(request);
            }

            @Override
            public Optional<Generation> poll(Duration atMost) {
                return Optional.ofNullable(taken.poll()).map(this::answer);
            }

            private Generation answer(GenerationRequest request) {
                int length = Math.min(request.sampling().maxTokens(), request.promptTokens().length);
                int[] tokens = java.util.Arrays.copyOf(request.promptTokens(), length);
                answers.incrementAndGet();
                outputTokens.addAndGet(length);
                long now = System.nanoTime();
                return new Generation(
                        request.id(),
                        tokens,
                        FinishReason.LENGTH,
                        Optional.empty(),
                        List.of(),
                        List.of(),
                        request.promptTokens().length,
                        0,
                        now,
                        now,
                        now);
            }

            @Override
            public int inFlight() {
                return taken.size();
            }

            @Override
            public void close() {
                taken.clear();
            }
        }
    }
}
