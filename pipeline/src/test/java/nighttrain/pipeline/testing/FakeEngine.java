package nighttrain.pipeline.testing;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import nighttrain.executor.Engine;
import nighttrain.executor.Engine.EngineException;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.Experts;
import nighttrain.executor.request.EngineStats.Pages;
import nighttrain.executor.request.EngineStats.Steps;
import nighttrain.executor.request.EngineStats.Tokens;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.GenerationRequest;

/** Echoes prompts. If sampling is not greedy, the output begins with a letter that depends on the seed. */
final class FakeEngine implements Engine {
    private final FakeScript script;
    private final EnginePlan plan;
    private final AtomicLong promptTokens = new AtomicLong();
    private final AtomicLong outputTokens = new AtomicLong();
    private final AtomicLong finished = new AtomicLong();
    private volatile boolean broken;

    FakeEngine(FakeScript script, EnginePlan plan) {
        this.script = script;
        this.plan = plan;
    }

    @Override
    public EnginePlan plan() {
        return plan;
    }

    @Override
    public Session session() {
        script.openSessions.incrementAndGet();
        return new FakeSession();
    }

    @Override
    public List<EngineStats> replicaStats() {
        long done = finished.get();
        return List.of(new EngineStats(
                0,
                0,
                done,
                0,
                new Tokens(promptTokens.get(), 0, outputTokens.get()),
                new Steps(done, done * 1000, done * 900, 0),
                new Pages(0, 1),
                Experts.NONE));
    }

    @Override
    public void close() {
        script.closed.incrementAndGet();
    }

    private final class FakeSession implements Session {
        private final Deque<GenerationRequest> taken = new ArrayDeque<>();

        @Override
        public boolean offer(GenerationRequest request) {
            if (taken.size() >= script.capacity.get()) {
                return false;
            }
            taken.add(request);
            script.mostInFlight.accumulateAndGet(taken.size(), Math::max);
            return true;
        }

        @Override
        public Optional<Generation> poll(Duration atMost) throws InterruptedException {
            failIfScripted(taken.isEmpty() ? 0 : 1);
            failIfPoisoned();
            if (taken.isEmpty()) {
                Thread.sleep(atMost.toMillis());
                return Optional.empty();
            }
            Thread.sleep(script.answerMs.get());
            return Optional.of(answer(script.latestFirst.get() ? taken.removeLast() : taken.removeFirst()));
        }

        private void failIfPoisoned() {
            if (taken.stream().anyMatch(request -> script.poison.contains(text(request.promptTokens())))) {
                broken = true;
                failIfScripted(0);
            }
        }

        @Override
        public int inFlight() {
            return taken.size();
        }

        @Override
        public void close() {
            script.openSessions.decrementAndGet();
            script.cancelled.addAndGet(taken.size());
            taken.clear();
        }
    }

    /**
     * Fails if scripted, else subtracts {@code answers} from the answers before the failure. Answers are counted one at a time, or the failure would
     * lose the last of them.
     */
    private synchronized void failIfScripted(int answers) {
        if (!broken && script.answersBeforeFailure.getAndAdd(-answers) <= 0 && script.failures.getAndDecrement() > 0) {
            broken = true;
        }
        if (broken) {
            throw new EngineException("the engine was told to fail", null);
        }
    }

    private Generation answer(GenerationRequest request) {
        long submitted = System.nanoTime();
        int[] tokens = request.scores().isEmpty() ? tokens(request) : new int[0];
        if (script.refused.contains(text(request.promptTokens()))) {
            return refusal(request, submitted);
        }
        boolean cut = tokens.length == request.sampling().maxTokens();
        promptTokens.addAndGet(request.promptTokens().length);
        outputTokens.addAndGet(tokens.length);
        finished.incrementAndGet();
        script.computed
                .computeIfAbsent(text(request.promptTokens()), prompt -> new AtomicInteger())
                .incrementAndGet();
        script.answered();
        return new Generation(
                request.id(),
                tokens,
                cut ? FinishReason.LENGTH : FinishReason.STOP,
                Optional.empty(),
                logprobs(request, tokens),
                List.of(),
                scores(request),
                request.promptTokens().length,
                0,
                submitted,
                submitted + 2_000_000,
                submitted + 10_000_000);
    }

    private static Generation refusal(GenerationRequest request, long submitted) {
        String prompt = text(request.promptTokens());
        return new Generation(
                request.id(),
                new int[0],
                FinishReason.ERROR,
                Optional.of(
                        new Generation.RequestError("refused", "engine refused the prompt: " + prompt + " (as told)")),
                List.of(),
                List.of(),
                List.of(),
                request.promptTokens().length,
                0,
                submitted,
                submitted,
                submitted);
    }

    private static int[] tokens(GenerationRequest request) {
        List<Integer> output = new ArrayList<>();
        if (!request.sampling().isGreedy()) {
            output.add('a' + Math.floorMod(request.seed(), 26));
        }
        Arrays.stream(request.promptTokens()).forEach(output::add);
        List<Integer> kept = new ArrayList<>();
        for (int token : output) {
            if (kept.size() == request.sampling().maxTokens()
                    || request.stopTokens().contains(token)) {
                break;
            }
            kept.add(token);
            if (request.stopCheck().stopsAfter(token)) {
                break;
            }
        }
        return kept.stream().mapToInt(Integer::intValue).toArray();
    }

    /** Returns log-probabilities that depend on the token and those before it: {@link FakeScript#logprob}. */
    private static List<Float> scores(GenerationRequest request) {
        return request.scores().stream()
                .map(score ->
                        FakeScript.logprob(Arrays.copyOf(request.promptTokens(), score.position()), score.token()))
                .toList();
    }

    private static List<TokenLogprobs> logprobs(GenerationRequest request, int[] tokens) {
        if (request.sampling().logprobs() < 0) {
            return List.of();
        }
        return Arrays.stream(tokens)
                .mapToObj(token -> new TokenLogprobs(token, -0.5f, List.of(new TokenLogprobs.Candidate(token, -0.5f))))
                .toList();
    }

    private static String text(int[] bytes) {
        byte[] text = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            text[i] = (byte) bytes[i];
        }
        return new String(text, StandardCharsets.UTF_8);
    }
}
