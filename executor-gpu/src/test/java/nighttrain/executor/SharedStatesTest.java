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
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.StateFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Prompts that share a prefix start from snapshots of states: results have the same bits as without, and fewer tokens are computed. */
class SharedStatesTest {
    private static final int VOCABULARY = 96;
    private static final int SHARED = 200;
    private static final int ROWS = 25;

    private final Random random = new Random(3);

    /** The results of a row; no bit of them may depend on the batch. */
    private record Answer(long id, List<Integer> tokens, List<TokenLogprobs> logprobs, List<Float> scores) {}

    private record Outcome(List<Answer> answers, EngineStats stats) {}

    /** Rows of a labelling job: each has the same instructions, a text and three labels of two tokens with different first tokens. */
    @ParameterizedTest
    @CsvSource({
        "qwen3_5, 1, FP32, BF16",
        "qwen3_5, 2, BF16, BF16",
        "qwen3_5, 4, FP32, FP8",
        "qwen3_5-moe, 1, FP32, BF16",
        "qwen3-next, 4, FP32, BF16",
        "granitemoehybrid, 1, FP32, BF16",
        "granitemoehybrid-groups, 2, BF16, FP8",
        "gla, 1, BF16, BF16",
        "gla-convolved, 4, FP32, BF16"
    })
    void labelsComputeTheirInstructionsOnce(String name, int ranks, StateFormat states, KvFormat.Choice kv)
            throws Exception {
        int[] instructions = tokens(SHARED);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int row = 0; row < ROWS; row++) {
            int[] prompt = joined(instructions, tokens(20));
            for (int label = 0; label < 3; label++) {
                int[] text = joined(prompt, tokens(2));
                requests.add(scored(requests.size(), text, new Score(220, text[220]), new Score(221, text[221])));
            }
        }
        EngineConfig config = config(ranks, new StepConfig(32, 256, 0), states);
        Outcome with = run(name, config.with(new KvConfig(16, 0, true, kv)), requests);
        Outcome without = run(name, config.with(new KvConfig(16, 0, false, kv)), requests);
        assertThat(with.answers).isEqualTo(without.answers);
        assertThat(without.stats.tokens().cachedPrompt()).isZero();
        long computed = with.stats.tokens().prompt() - with.stats.tokens().cachedPrompt();
        // Computed: the pages of the instructions once; for each row the text up to its last token but one; two tokens
        // a label. Also the first request, if no other was there when it began, and the tokens after the last page end
        // of a row for whose requests not all slots were free.
        long row = 219 - 192 + 3 * 2;
        assertThat(computed).isBetween(192 + ROWS * row, 192 + ROWS * (row + 10) + 222);
        assertThat(with.stats.steps().count()).isLessThan(without.stats.steps().count() / 5);
    }

    /** Prompts have several beginnings and lengths, some occur twice, they are scored or sampled from; slots, pages and snapshots are few. */
    @ParameterizedTest
    @CsvSource({
        "qwen3_5, 1, 12, 0, false",
        "qwen3_5, 1, 6, 70, true",
        "qwen3_5, 4, 6, 70, true",
        "qwen3-next, 2, 6, 70, true",
        "granitemoehybrid, 1, 6, 70, true",
        "granitemoehybrid-experts, 2, 6, 70, true",
        "gla, 2, 3, 0, false",
        "gla-convolved, 1, 12, 0, false"
    })
    void mixturesHaveTheSameBits(String name, int ranks, int sequences, int pages, boolean preempted) throws Exception {
        List<int[]> beginnings = List.of(tokens(40), tokens(9), tokens(70), new int[0]);
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            int[] beginning = beginnings.get(random.nextInt(4));
            int[] middle = random.nextBoolean() ? new int[0] : new int[] {i % 3, 1, 2, 3, 4, 5, 6, 7, 8};
            int[] text = i % 4 == 3
                    ? requests.get(i - 1).promptTokens()
                    : joined(joined(beginning, middle), tokens(1 + random.nextInt(20)));
            requests.add(
                    i % 5 == 0
                            ? scored(i, text, new Score(1 + random.nextInt(text.length), i % VOCABULARY))
                            : sampled(i, text, 30 + random.nextInt(40), i % 7 == 0));
        }
        EngineConfig config = config(ranks, new StepConfig(sequences, 48, 0), StateFormat.FP32);
        Outcome with = run(name, config.with(new KvConfig(4, pages, true)), requests);
        Outcome without = run(name, config.with(new KvConfig(4, pages, false)), requests);
        assertThat(with.answers).isEqualTo(without.answers);
        assertThat(with.stats.tokens().cachedPrompt()).isPositive();
        assertThat(with.stats.preemptions() > 0).isEqualTo(preempted);
        assertThat(with.stats.pages().used()).isZero();
    }

    private int[] tokens(int count) {
        return random.ints(count, 0, VOCABULARY).toArray();
    }

    private static int[] joined(int[] first, int[] second) {
        return IntStream.concat(IntStream.of(first), IntStream.of(second)).toArray();
    }

    private static GenerationRequest scored(long id, int[] text, Score... scores) {
        return new GenerationRequest(
                id, text, SamplingParams.greedy(1), id, Set.of(), StopCheck.NEVER, Optional.empty(), List.of(scores));
    }

    private static GenerationRequest sampled(long id, int[] prompt, int most, boolean promptLogprobs) {
        SamplingParams sampling = SamplingParams.greedy(most).withLogprobs(1).withPromptLogprobs(promptLogprobs);
        return new GenerationRequest(id, prompt, sampling, id, Set.of(), StopCheck.NEVER);
    }

    /** The expected output length is short; otherwise sequences would wait instead of being preempted. */
    private static EngineConfig config(int ranks, StepConfig steps, StateFormat states) {
        return EngineConfig.on(Backend.CPU)
                .with(new Layout(1, ranks))
                .with(steps)
                .with(states)
                .with(new Lengths(1, 1))
                .withThreads(2);
    }

    private static Outcome run(String name, EngineConfig config, List<GenerationRequest> requests) throws Exception {
        List<Answer> answers = new ArrayList<>();
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine engine = Engines.open(config, checkpoint);
                Engine.Session session = engine.session()) {
            for (int next = 0; answers.size() < requests.size(); ) {
                while (next < requests.size() && session.offer(requests.get(next))) {
                    next++;
                }
                session.poll(Duration.ofSeconds(30))
                        .map(SharedStatesTest::answer)
                        .ifPresent(answers::add);
            }
            answers.sort(Comparator.comparingLong(Answer::id));
            return new Outcome(answers, engine.stats());
        }
    }

    private static Answer answer(Generation answer) {
        List<TokenLogprobs> logprobs = new ArrayList<>(answer.promptLogprobs());
        logprobs.addAll(answer.logprobs());
        return new Answer(answer.id(), IntStream.of(answer.tokens()).boxed().toList(), logprobs, answer.scores());
    }
}
