package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.reference.PoisonedCheckpoint;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.Generation.RequestError;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests whole engines on weights that hold NaN or infinity: each sequence that reads them ends with an error, the others continue. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class AbstractLogitFaultsTest {
    private static final int WIDTH = 32;

    /** A token that occurs in no golden prompt and no golden text. */
    private static final int POISON = 42;

    private final Backend backend;
    private Checkpoint sound;

    AbstractLogitFaultsTest(Backend backend) {
        this.backend = backend;
    }

    @BeforeAll
    void open() {
        sound = Checkpoints.open(Goldens.checkpoint("llama-gqa"));
    }

    @AfterAll
    void close() {
        sound.close();
    }

    /**
     * Pages are few, so that pages of failed sequences, which hold NaN, are soon reused. Prompts share their tokens before the poison, part of a page
     * (golden 1) or whole pages (golden 2), whichever request computes them.
     */
    @ParameterizedTest
    @CsvSource({
        "NaN,64,true,1",
        "Infinity,64,true,1",
        "NaN,7,true,1",
        "NaN,64,false,1",
        "NaN,64,true,2",
        "Infinity,64,true,2"
    })
    void aPoisonedTokenFailsTheRowsThatHoldIt(float poison, int stepTokens, boolean prefixCache, int golden)
            throws Exception {
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            int[] prompt = Goldens.of("llama-gqa").get(golden).ids().clone();
            if (i % 3 == 1) {
                prompt[i % prompt.length] = POISON;
            }
            requests.add(request(i, prompt, SamplingParams.greedy(40)));
        }
        List<Generation> alone;
        try (Engine engine = Engines.open(config(8, stepTokens, prefixCache), sound)) {
            alone = answers(engine, requests);
        }
        Checkpoint poisoned =
                new PoisonedCheckpoint(sound, "model.embed_tokens.weight", POISON * WIDTH + 3L, 1, poison);
        try (Engine engine = Engines.open(config(8, stepTokens, prefixCache), poisoned)) {
            for (Generation answer : answers(engine, requests)) {
                if (answer.id() % 3 == 1) {
                    checkFailed(answer, "output token 1");
                } else if (backend == Backend.CPU) {
                    assertThat(answer.tokens())
                            .isEqualTo(alone.get((int) answer.id()).tokens())
                            .isEqualTo(Arrays.copyOf(
                                    Goldens.of("llama-gqa").get(golden).greedy(), 40));
                } else { // text generated on a GPU may contain the poison token
                    boolean met = IntStream.of(answer.tokens()).anyMatch(token -> token == POISON);
                    assertThat(answer.error().isPresent()).isEqualTo(met);
                    assertThat(answer.tokens().length == 40).isNotEqualTo(met);
                }
            }
            assertThat(engine.stats().pages().used()).isZero();
        }
    }

    /** A token in the middle of the text is poisoned: steps planned ahead of the failure are dropped. */
    @ParameterizedTest
    @ValueSource(ints = {1, 5})
    void aTokenThatPoisonsLaterFailsThen(int count) throws Exception {
        Golden golden = Goldens.of("llama-gqa").get(1);
        int[] text = answers(golden, count);
        int later = IntStream.range(2, 40)
                .filter(i -> IntStream.of(golden.ids()).noneMatch(id -> id == text[i])
                        && Arrays.stream(text, 0, i).noneMatch(id -> id == text[i]))
                .findFirst()
                .orElseThrow();
        Checkpoint poisoned = new PoisonedCheckpoint(
                sound, "model.embed_tokens.weight", (long) text[later] * WIDTH, WIDTH, Float.NaN);
        try (Engine engine = Engines.open(config(8, 64, true), poisoned)) {
            for (Generation answer : answers(engine, same(golden.ids(), SamplingParams.greedy(64), count))) {
                if (backend == Backend.CPU || count == 1) { // text on a GPU depends on the batch
                    assertThat(answer.tokens()).isEqualTo(Arrays.copyOf(text, later + 1));
                }
                int[] tokens = answer.tokens();
                boolean met = IntStream.of(tokens).anyMatch(token -> token == text[later]);
                assertThat(answer.error().isPresent()).isEqualTo(met);
                if (met) {
                    assertThat(tokens[tokens.length - 1]).isEqualTo(text[later]);
                    checkFailed(answer, "output token " + (tokens.length + 1));
                }
            }
            assertThat(engine.stats().pages().used()).isZero();
        }
    }

    private int[] answers(Golden golden, int count) throws InterruptedException {
        try (Engine engine = Engines.open(config(8, 64, true), sound)) {
            return answers(engine, same(golden.ids(), SamplingParams.greedy(64), count))
                    .get(0)
                    .tokens();
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1})
    void aPoisonedNormFailsEveryRow(double temperature) throws Exception {
        Checkpoint poisoned = new PoisonedCheckpoint(sound, "model.norm.weight", 0, WIDTH, Float.NaN);
        SamplingParams sampling =
                SamplingParams.greedy(20).withTemperature(temperature).withLogprobs(1);
        try (Engine engine = Engines.open(config(4, 64, true), poisoned)) {
            List<Generation> answers =
                    answers(engine, same(Goldens.of("llama-gqa").get(1).ids(), sampling, 12));
            answers.forEach(answer -> checkFailed(answer, "output token 1"));
            assertThat(engine.stats().tokens().output()).isZero();
        }
    }

    @Test
    void scoredPromptsFailWhereTheyAreScored() throws Exception {
        int[] prompt = Goldens.of("llama-gqa").get(2).ids().clone();
        prompt[17] = POISON; // affects the scores from token 19 on
        SamplingParams scoring = SamplingParams.greedy(8).withPromptLogprobs(true);
        Checkpoint poisoned =
                new PoisonedCheckpoint(sound, "model.embed_tokens.weight", POISON * WIDTH, WIDTH, Float.NaN);
        try (Engine engine = Engines.open(config(4, 9, true), poisoned)) {
            for (Generation answer : answers(engine, same(prompt, scoring, 6))) {
                checkFailed(answer, "prompt token 19");
                assertThat(answer.tokens()).isEmpty();
            }
            assertThat(engine.stats().pages().used()).isZero();
        }
    }

    private static void checkFailed(Generation answer, String where) {
        assertThat(answer.finishReason()).isEqualTo(FinishReason.ERROR);
        assertThat(answer.error()).map(RequestError::kind).contains("logits_not_finite");
        assertThat(answer.error().orElseThrow().message())
                .matches("logits are not finite: (NaN|\\+inf) at " + where + " \\(.*--backend cpu\\)");
    }

    private EngineConfig config(int sequences, int stepTokens, boolean prefixCache) {
        return EngineConfig.on(backend)
                .with(new Layout(1, 1))
                .with(new StepConfig(sequences, Math.max(sequences, stepTokens), 0))
                .with(new KvConfig(16, 32, prefixCache))
                .withThreads(2);
    }

    private static List<GenerationRequest> same(int[] prompt, SamplingParams sampling, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> request(i, prompt, sampling))
                .toList();
    }

    private static GenerationRequest request(long id, int[] prompt, SamplingParams sampling) {
        return new GenerationRequest(id, prompt, sampling, id, Set.of(), StopCheck.NEVER);
    }

    /** Returns answers ordered by id. */
    private static List<Generation> answers(Engine engine, List<GenerationRequest> requests)
            throws InterruptedException {
        List<Generation> answers = new ArrayList<>();
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        try (Engine.Session session = engine.session()) {
            for (int next = 0; answers.size() < requests.size(); ) {
                while (next < requests.size() && session.offer(requests.get(next))) {
                    next++;
                }
                assertThat(System.nanoTime()).isLessThan(deadline);
                session.poll(Duration.ofSeconds(20)).ifPresent(answers::add);
            }
        }
        answers.sort(Comparator.comparingLong(Generation::id));
        return answers;
    }
}
