package nighttrain.jobs.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.executor.Engine;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.RequestError;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.StopCheck;

/** Keeps an engine as full as it wants to be until every prompt is answered. */
final class RoundRunner {
    private static final Duration WAIT = Duration.ofMillis(100);

    private final Engine engine;
    private final int outputLen;
    private final int maxConcurrency;
    private final SamplingParams sampling;

    /**
     * @param outputLen tokens of every output: greedy, and whatever token comes
     * @param maxConcurrency most requests under way at once; 0: as many as the engine takes
     */
    RoundRunner(Engine engine, int outputLen, int maxConcurrency) {
        this.engine = engine;
        this.outputLen = outputLen;
        this.maxConcurrency = maxConcurrency > 0 ? maxConcurrency : Integer.MAX_VALUE;
        this.sampling = new SamplingParams(outputLen, 0, 0, 1, 0, 1, 0, 0, -1, true, false);
    }

    /**
     * Runs one round; nothing else may use the engine meanwhile.
     *
     * @throws IllegalStateException where an answer is not what was asked for: its time would mean nothing
     */
    Round run(List<int[]> prompts) throws InterruptedException {
        List<Generation> answers = new ArrayList<>();
        EngineStats before = engine.stats();
        long start = System.nanoTime();
        try (Engine.Session session = engine.session()) {
            int offered = 0;
            while (answers.size() < prompts.size()) {
                while (offered < prompts.size()
                        && session.inFlight() < maxConcurrency
                        && session.offer(request(offered, prompts.get(offered)))) {
                    offered++;
                }
                session.poll(WAIT).ifPresent(answers::add);
            }
        }
        long wallNanos = System.nanoTime() - start;
        answers.forEach(this::check);
        return Round.of(answers, wallNanos, before, engine.stats());
    }

    private GenerationRequest request(int id, int[] prompt) {
        return new GenerationRequest(id, prompt, sampling, id, Set.of(), StopCheck.NEVER);
    }

    private void check(Generation answer) {
        Optional<RequestError> error = answer.error();
        if (error.isPresent()) {
            throw new IllegalStateException(error.get().message());
        }
        if (answer.tokens().length != outputLen) {
            throw new IllegalStateException(
                    "output of another length: " + answer.tokens().length + " tokens (asked for " + outputLen + ")");
        }
    }
}
