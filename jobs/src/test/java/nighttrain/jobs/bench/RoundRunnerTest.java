package nighttrain.jobs.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.stream.IntStream;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.Experts;
import nighttrain.executor.request.EngineStats.Pages;
import nighttrain.executor.request.EngineStats.Steps;
import nighttrain.executor.request.EngineStats.Tokens;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.jobs.bench.LoneEngine.RoundRunner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Uses an engine that echoes prompts, cut to the output's maximum length. */
@Timeout(30)
class RoundRunnerTest {
    private final EchoEngine engine = new EchoEngine();

    @Test
    void asksAgainWhatTheEngineDidNotTake() throws Exception {
        engine.capacity = 2;

        Round round = new RoundRunner(engine, 3, 0).run(prompts(11, 5));

        assertThat(round.requests()).isEqualTo(11);
        assertThat(round.promptTokens()).isEqualTo(55);
        assertThat(round.outputTokens()).isEqualTo(33);
        assertThat(engine.mostInFlight).isEqualTo(2);
        assertThat(engine.answers).isEqualTo(11);
        assertThat(engine.openSessions).isZero();
    }

    @Test
    void noMoreThanAskedForAreUnderWayAtOnce() throws Exception {
        Round round = new RoundRunner(engine, 3, 2).run(prompts(7, 5));

        assertThat(round.requests()).isEqualTo(7);
        assertThat(engine.mostInFlight).isEqualTo(2);
    }

    @Test
    void anOutputOfAnotherLengthIsNoMeasurement() {
        assertThatThrownBy(() -> new RoundRunner(engine, 6, 0).run(prompts(1, 5)))
                .hasMessage("output of another length: 5 tokens (asked for 6)");
    }

    private static List<int[]> prompts(int count, int length) {
        return IntStream.range(0, count)
                .mapToObj(i -> IntStream.range(i, i + length).toArray())
                .toList();
    }

    /** Answers requests at once and in order. */
    private static final class EchoEngine implements Engine {
        private int capacity = 8;
        private int mostInFlight;
        private int answers;
        private int openSessions;
        private long promptTokens;
        private long outputTokens;

        @Override
        public EnginePlan plan() {
            return new EnginePlan(Backend.CPU, "echo", 1, 1, 8, 64, 64, 16, 1, false, 1);
        }

        @Override
        public List<EngineStats> replicaStats() {
            return List.of(new EngineStats(
                    0,
                    0,
                    answers,
                    0,
                    new Tokens(promptTokens, 0, outputTokens),
                    new Steps(answers, answers, 0, 0),
                    new Pages(0, 1),
                    Experts.NONE));
        }

        @Override
        public void close() {}

        @Override
        public Session session() {
            openSessions++;
            return new Session() {
                private final Queue<GenerationRequest> taken = new ArrayDeque<>();

                @Override
                public boolean offer(GenerationRequest request) {
                    if (taken.size() == capacity) {
                        return false;
                    }
                    taken.add(request);
                    mostInFlight = Math.max(mostInFlight, taken.size());
                    return true;
                }

                @Override
                public Optional<Generation> poll(Duration atMost) {
                    return Optional.ofNullable(taken.poll()).map(EchoEngine.this::answer);
                }

                @Override
                public int inFlight() {
                    return taken.size();
                }

                @Override
                public void close() {
                    openSessions--;
                }
            };
        }

        private Generation answer(GenerationRequest request) {
            int[] prompt = request.promptTokens();
            int[] output = Arrays.copyOf(
                    prompt, Math.min(prompt.length, request.sampling().maxTokens()));
            answers++;
            promptTokens += prompt.length;
            outputTokens += output.length;
            long now = System.nanoTime();
            return new Generation(
                    request.id(),
                    output,
                    FinishReason.LENGTH,
                    Optional.empty(),
                    List.of(),
                    List.of(),
                    List.of(),
                    prompt.length,
                    0,
                    now,
                    now + 2_000_000,
                    now + 10_000_000);
        }
    }
}
