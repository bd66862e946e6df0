package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.constraint.TokenAutomaton;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The answer to a request has the same bits in a batch of random requests on few pages, with a prefix cache, as in a batch of its own without one. */
class BatchInvarianceTest {
    private static final int VOCABULARY = 96;
    private static final int LONGEST = 60;
    private static final List<TokenAutomaton> AUTOMATA = IntStream.range(0, 4)
            .mapToObj(i -> Dfa.random(new Random(i), 4 + 5 * i, VOCABULARY, 0).automaton())
            .toList();

    /** The parts of an answer that depend on its request only. */
    private record Answer(
            long id, List<Integer> tokens, FinishReason reason, List<TokenLogprobs> logprobs, List<Float> scores) {
        static Answer of(Generation generation) {
            List<TokenLogprobs> logprobs = new ArrayList<>(generation.promptLogprobs());
            logprobs.addAll(generation.logprobs());
            return new Answer(
                    generation.id(),
                    IntStream.of(generation.tokens()).boxed().toList(),
                    generation.finishReason(),
                    logprobs,
                    generation.scores());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama-gqa, 1, true",
        "mistral-sliding-window, 1, false",
        "gemma3, 2, true",
        "gpt-oss, 1, true",
        "qwen3-next, 1, true",
        "granitemoehybrid, 2, true",
        "ladder-converted, 2, true",
        "parallel-track, 4, true"
    })
    void answersDoNotDependOnOtherRequests(String name, int ranks, boolean preempted) throws Exception {
        Random random = new Random(name.hashCode());
        List<int[]> beginnings = IntStream.of(0, 3, 16, 40)
                .mapToObj(length -> random.ints(length, 0, VOCABULARY).toArray())
                .toList();
        List<GenerationRequest> requests = IntStream.range(0, 60)
                .mapToObj(id -> request(id, beginnings.get(random.nextInt(4)), random))
                .toList();
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine single = Engines.open(config(1, ranks, new StepConfig(1, LONGEST, LONGEST), false), checkpoint);
                Engine batched = Engines.open(config(2, ranks, new StepConfig(6, 11, LONGEST), true), checkpoint)) {
            assertThat(answers(batched, requests)).isEqualTo(answers(single, requests));
            EngineStats stats = batched.stats();
            assertThat(stats.preemptions()).isGreaterThanOrEqualTo(preempted ? 1 : 0);
            assertThat(stats.tokens().cachedPrompt()).isPositive();
            assertThat(stats.finished()).isEqualTo(requests.size());
            assertThat(stats.pages().used() + stats.running() + stats.waiting()).isZero();
        }
    }

    private static GenerationRequest request(int id, int[] beginning, Random random) {
        int[] prompt = IntStream.concat(IntStream.of(beginning), random.ints(1 + random.nextInt(12), 0, VOCABULARY))
                .toArray();
        SamplingParams sampling = SamplingParams.greedy(1 + random.nextInt(LONGEST))
                .withTemperature(random.nextInt(3))
                .with(new Filter(random.nextInt(3) * 9, random.nextBoolean() ? 0.8 : 1, random.nextInt(2) * 0.1))
                .with(new Penalties(random.nextInt(9) == 0 ? 1.5 : 1, 0, random.nextInt(9) == 0 ? 0.5 : 0))
                .withLogprobs(random.nextInt(4) - 1)
                .withPromptLogprobs(random.nextInt(5) == 0)
                .withIgnoreEos(random.nextBoolean());
        int end = 1 + random.nextInt(VOCABULARY - 1);
        int kind = random.nextInt(6);
        return new GenerationRequest(
                id,
                prompt,
                sampling,
                random.nextLong(),
                Set.of(end),
                id % 7 == 0 ? token -> token % 11 == 5 : StopCheck.NEVER,
                kind == 0
                        ? Optional.of(new TokenConstraint(AUTOMATA.get(id % AUTOMATA.size()), id % 2 == 0))
                        : Optional.empty(),
                kind == 1
                        ? List.of(new Score(1 + random.nextInt(prompt.length), end), new Score(prompt.length, id % 9))
                        : List.of());
    }

    /** Outputs are expected to be short, so that rows are admitted that do not fit to their ends. */
    private static EngineConfig config(int replicas, int ranks, StepConfig steps, boolean batched) {
        return EngineConfig.on(Backend.CPU)
                .with(new Layout(replicas, ranks))
                .with(steps)
                .with(new KvConfig(4, batched ? 24 : 0, batched))
                .with(new Lengths(1, 1))
                .withThreads(1);
    }

    private static List<Answer> answers(Engine engine, List<GenerationRequest> requests) throws InterruptedException {
        List<Answer> answers = new ArrayList<>();
        try (Engine.Session session = engine.session()) {
            for (int next = 0; answers.size() < requests.size(); ) {
                while (next < requests.size() && session.offer(requests.get(next))) {
                    next++;
                }
                session.poll(Duration.ofSeconds(30)).map(Answer::of).ifPresent(answers::add);
            }
        }
        answers.sort(Comparator.comparingLong(Answer::id));
        return answers;
    }
}
