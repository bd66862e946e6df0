package nighttrain.pipeline.host;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Engines;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.Experts;
import nighttrain.executor.request.EngineStats.Pages;
import nighttrain.executor.request.EngineStats.Steps;
import nighttrain.executor.request.EngineStats.Tokens;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.ModelSpec;

/**
 * Opens engines that compute nothing: every answer has the greatest allowed length. They show the lengths of a run's prompts, with
 * template, truncation and refused rows, on a machine without a real engine.
 */
public record CountingEngines() implements EngineFactory {
    @Override
    public Engine open(EngineConfig config, Path model, boolean dummy) {
        try (Checkpoint shape = Checkpoints.dummy(model)) {
            return new CountingEngine(plan(config, shape.spec()));
        }
    }

    @Override
    public EnginePlan plan(EngineConfig config, ModelSpec model) {
        int context = Engines.maxModelLen(config, model);
        int sequences = Engines.mostSequences(config, false);
        return new EnginePlan(Backend.CPU, "none", 1, 1, sequences, sequences, context, 16, 1, false, 1);
    }

    private record CountingEngine(EnginePlan plan) implements Engine {
        @Override
        public Session session() {
            return new CountingSession(plan.maxNumSeqs(), plan.maxModelLen());
        }

        @Override
        public List<EngineStats> replicaStats() {
            return List.of(new EngineStats(
                    0, 0, 0, 0, new Tokens(0, 0, 0), new Steps(0, 0, 0, 0), new Pages(0, 1), Experts.NONE));
        }

        @Override
        public void close() {}
    }

    private static final class CountingSession implements Engine.Session {
        private final Queue<GenerationRequest> taken = new ArrayDeque<>();
        private final int most;
        private final int context;

        CountingSession(int most, int context) {
            this.most = most;
            this.context = context;
        }

        @Override
        public boolean offer(GenerationRequest request) {
            return taken.size() < most && taken.add(request);
        }

        @Override
        public Optional<Generation> poll(Duration atMost) {
            return Optional.ofNullable(taken.poll()).map(this::answer);
        }

        private Generation answer(GenerationRequest request) {
            int prompt = request.promptTokens().length;
            boolean scores = !request.scores().isEmpty();
            int[] tokens = scores
                    ? new int[0]
                    : new int[Math.max(1, Math.min(request.sampling().maxTokens(), context - prompt))];
            long now = System.nanoTime();
            return new Generation(
                    request.id(),
                    tokens,
                    FinishReason.LENGTH,
                    Optional.empty(),
                    List.of(),
                    List.of(),
                    Collections.nCopies(request.scores().size(), 0f),
                    prompt,
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
