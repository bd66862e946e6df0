package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import nighttrain.executor.Engine.EngineException;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.families.Families;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EngineTest {
    private static final Golden GOLDEN = Goldens.of("llama-gqa").get(1);

    private static Checkpoint checkpoint;
    private static Engine engine;

    @BeforeAll
    static void open() {
        checkpoint = Checkpoints.open(Goldens.checkpoint("llama-gqa"));
        engine = Engines.open(config(1, 8), checkpoint);
    }

    @AfterAll
    static void close() {
        engine.close();
        checkpoint.close();
    }

    @Test
    void stopTokenAndStopCheckEndAGeneration() throws Exception {
        int tenth = GOLDEN.greedy()[10];
        int firstSeen = IntStream.range(0, 64)
                .filter(i -> GOLDEN.greedy()[i] == tenth)
                .findFirst()
                .orElseThrow();
        Generation byToken = generate(request(1, SamplingParams.greedy(64), 0, Set.of(tenth), StopCheck.NEVER));
        assertThat(byToken.finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(byToken.tokens()).isEqualTo(Arrays.copyOf(GOLDEN.greedy(), firstSeen));

        Generation byCheck = generate(request(2, SamplingParams.greedy(64), 0, Set.of(), token -> token == tenth));
        assertThat(byCheck.finishReason()).isEqualTo(FinishReason.STOP);
        assertThat(byCheck.tokens()).isEqualTo(Arrays.copyOf(GOLDEN.greedy(), firstSeen + 1));

        SamplingParams onAndOn = SamplingParams.greedy(64).withIgnoreEos(true);
        Generation ignoring = generate(request(3, onAndOn, 0, Set.of(tenth), StopCheck.NEVER));
        assertThat(ignoring.tokens()).isEqualTo(GOLDEN.greedy());
        assertThat(ignoring.finishReason()).isEqualTo(FinishReason.LENGTH);
    }

    @Test
    void theContextEndsAGenerationToo() throws Exception {
        Generation generation = generate(request(1, SamplingParams.greedy(100_000), 0, Set.of(), StopCheck.NEVER));
        assertThat(generation.finishReason()).isEqualTo(FinishReason.LENGTH);
        assertThat(generation.tokens()).hasSize(256 - GOLDEN.ids().length);
    }

    @Test
    void samplesDependOnTheSeedAlone() throws Exception {
        SamplingParams warm = SamplingParams.greedy(40).withTemperature(1.5).with(new Filter(0, 0.95, 0));
        Generation alone = generate(request(1, warm, 17, Set.of(), StopCheck.NEVER));
        List<GenerationRequest> crowd = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            crowd.add(request(i, warm, i == 5 ? 17 : 100 + i, Set.of(), StopCheck.NEVER));
        }
        List<Generation> answers = generateAll(engine, crowd);
        assertThat(answers.get(5).tokens()).isEqualTo(alone.tokens());
        assertThat(answers.stream().map(g -> Arrays.toString(g.tokens())).distinct())
                .hasSize(12);
    }

    @Test
    void logprobsBelongToTheSampledTokens() throws Exception {
        SamplingParams sampling = SamplingParams.greedy(8).withLogprobs(3);
        Generation generation = generate(request(1, sampling, 0, Set.of(), StopCheck.NEVER));
        assertThat(generation.logprobs())
                .extracting(TokenLogprobs::token)
                .containsExactlyElementsOf(
                        Arrays.stream(generation.tokens()).boxed().toList());
        TokenLogprobs first = generation.logprobs().get(0);
        assertThat((double) first.logprob())
                .isCloseTo(logprob(GOLDEN.logits()[GOLDEN.ids().length - 1], first.token()), within(1e-3));
        assertThat(first.likeliest()).hasSize(3);
        assertThat(first.likeliest().get(0).token()).isEqualTo(first.token());
    }

    /** The prompts run with other rows, in chunks, with a cached prefix that must not be used, and after a preemption. */
    @Test
    void promptLogprobsAreThoseOfThePromptsOwnTokens() throws Exception {
        SamplingParams scoring = SamplingParams.greedy(20).withPromptLogprobs(true);
        EngineConfig small = EngineConfig.on(Backend.CPU)
                .with(new Layout(1, 1))
                .with(new StepConfig(4, 9, 64))
                .with(new KvConfig(4, 17, true))
                .withThreads(2)
                .with(new Lengths(1, 1));
        List<GenerationRequest> requests = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            SamplingParams sampling = i % 2 == 0 ? scoring : SamplingParams.greedy(20);
            requests.add(request(i, sampling, 0, Set.of(), StopCheck.NEVER));
        }
        List<Generation> answers;
        try (Engine crowded = Engines.open(small, checkpoint)) {
            answers = generateAll(crowded, requests);
            assertThat(crowded.stats().preemptions()).isPositive();
        }
        for (Generation answer : answers) {
            assertThat(answer.tokens()).isEqualTo(Arrays.copyOf(GOLDEN.greedy(), 20));
            if (answer.id() % 2 == 1) {
                assertThat(answer.promptLogprobs()).isEmpty();
                continue;
            }
            assertThat(answer.promptLogprobs()).hasSize(GOLDEN.ids().length - 1);
            for (int i = 1; i < GOLDEN.ids().length; i++) {
                TokenLogprobs scored = answer.promptLogprobs().get(i - 1);
                assertThat(scored.token()).isEqualTo(GOLDEN.ids()[i]);
                assertThat((double) scored.logprob())
                        .isCloseTo(logprob(GOLDEN.logits()[i - 1], GOLDEN.ids()[i]), within(1e-3));
            }
        }
    }

    private static double logprob(float[] logits, int token) {
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit);
        }
        return logits[token] - Math.log(sum);
    }

    @Test
    void aRequestThatCannotBeAnsweredHarmsNoOther() throws Exception {
        int[] tooLong = new int[256];
        List<Generation> answers = generateAll(
                engine,
                List.of(
                        request(0, SamplingParams.greedy(64), 0, Set.of(), StopCheck.NEVER),
                        new GenerationRequest(1, tooLong, SamplingParams.greedy(4), 0, Set.of(), StopCheck.NEVER),
                        new GenerationRequest(2, new int[0], SamplingParams.greedy(4), 0, Set.of(), StopCheck.NEVER),
                        new GenerationRequest(
                                3, new int[] {96}, SamplingParams.greedy(4), 0, Set.of(), StopCheck.NEVER)));
        assertThat(answers.get(0).tokens()).isEqualTo(GOLDEN.greedy());
        assertThat(answers)
                .extracting(g -> g.error().map(Generation.RequestError::message).orElse(""))
                .containsExactly(
                        "",
                        "prompt too long: 256 tokens (at most 255, to leave room for an answer in the context of 256; shorten it,"
                                + " use --truncate left or right, or raise --max-model-len)",
                        "prompt without tokens: 0 (at least 1; leave such rows out or give them text)",
                        "token outside the vocabulary: 96 (0 to 95; the tokenizer does not belong to this model)");
    }

    @Test
    void takesNoMoreThanItCanUseAndCancelsWhatItsSubmitterLeaves() throws Exception {
        try (Engine.Session session = engine.session()) {
            int taken = 0;
            while (taken < 1_000
                    && session.offer(request(taken, SamplingParams.greedy(200), 0, Set.of(), StopCheck.NEVER))) {
                taken++;
            }
            assertThat(taken).isBetween(16, 500);
            assertThat(session.inFlight()).isEqualTo(taken);
        }
        assertThat(generate(request(1, SamplingParams.greedy(64), 0, Set.of(), StopCheck.NEVER))
                        .tokens())
                .isEqualTo(GOLDEN.greedy());
    }

    @Test
    void timesAndCountsAreThere() throws Exception {
        EngineStats before = engine.stats();
        Generation generation = generate(request(9, SamplingParams.greedy(64), 0, Set.of(), StopCheck.NEVER));
        EngineStats after = engine.stats();
        assertThat(generation.submittedNanos()).isLessThan(generation.firstTokenNanos());
        assertThat(generation.firstTokenNanos()).isLessThan(generation.finishedNanos());
        assertThat(after.tokens().output() - before.tokens().output()).isEqualTo(64);
        assertThat(after.tokens().prompt() - before.tokens().prompt()).isEqualTo(GOLDEN.ids().length);
        assertThat(after.finished() - before.finished()).isEqualTo(1);
        assertThat(after.steps().nanos()).isGreaterThan(before.steps().nanos());
    }

    @Test
    void aFailureReachesEverySubmitterAndTheEngineCanBeOpenedAgain() throws Exception {
        for (int ranks : new int[] {1, 2}) {
            try (Engine failing = Engines.open(config(ranks, 4), checkpoint);
                    Engine.Session session = failing.session();
                    Engine.Session other = failing.session()) {
                StopCheck bomb = token -> {
                    throw new IllegalStateException("planted");
                };
                CompletableFuture<Boolean> stop = new CompletableFuture<Boolean>().orTimeout(60, TimeUnit.SECONDS);
                other.offer(request(1, SamplingParams.greedy(200), 0, Set.of(), token -> stop.join()));
                session.offer(request(2, SamplingParams.greedy(200), 0, Set.of(), bomb));
                stop.complete(false); // the other request is still generating when this one fails
                for (Engine.Session each : List.of(session, other)) {
                    assertThatThrownBy(() -> each.poll(Duration.ofSeconds(20)))
                            .isInstanceOf(EngineException.class)
                            .hasMessage("the engine has failed: planted");
                }
                assertThatThrownBy(
                                () -> session.offer(request(3, SamplingParams.greedy(1), 0, Set.of(), StopCheck.NEVER)))
                        .isInstanceOf(EngineException.class);
            }
        }
        try (Engine again = Engines.open(config(2, 4), checkpoint)) {
            assertThat(generateAll(again, List.of(request(1, SamplingParams.greedy(64), 0, Set.of(), StopCheck.NEVER)))
                            .get(0)
                            .tokens())
                    .isEqualTo(GOLDEN.greedy());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "olmo3 | 2 | bad value of --ranks: 2 (must be 1, since queries and keys of this model are normed over all heads at once; use --replicas)",
                "llama-gqa | 3 | bad value of --ranks: 3 (must divide the model's 4 attention heads; choose a divisor or leave --ranks out)",
                "qwen3-moe | 8 | bad value of --ranks: 8 (must divide the model's 4 attention heads; choose a divisor or leave --ranks out)",
                "granitemoehybrid | 3 | bad value of --ranks: 3 (must divide the model's 8 Mamba-2 heads; choose a divisor or leave --ranks out)",
                "parallel-track | 3 | bad value of --ranks: 3 (must divide the model's 4 tracks; choose a divisor or leave --ranks out)",
                "parallel-track | 8 | bad value of --ranks: 8 (must divide the model's 4 tracks; choose a divisor or leave --ranks out)",
            })
    void ranksThatDoNotDivideAreRefused(String name, int ranks, String message) {
        try (Checkpoint model = Checkpoints.open(Goldens.checkpoint(name))) {
            assertThatThrownBy(() -> Engines.check(config(ranks, 4), model.spec()))
                    .isInstanceOf(UserError.class)
                    .hasMessage(message);
        }
    }

    @Test
    void whatCudaLacksIsNamed() {
        assumeThat(CudaDevices.available()).isFalse();
        EngineConfig config = EngineConfig.on(Backend.CUDA).with(new StepConfig(4, 0, 0));
        assertThatThrownBy(() -> Engines.plan(config, checkpoint.spec()))
                .isInstanceOf(UserError.class)
                .hasMessageMatching("(no NVIDIA driver|the NVIDIA driver does not start|no GPU"
                        + "|CUDA library not found): .* \\(.*--backend cpu\\)");
        EngineConfig automatic = EngineConfig.on(Backend.AUTO).with(new StepConfig(4, 0, 0));
        assertThat(Engines.plan(automatic, checkpoint.spec()).backend()).isEqualTo(Backend.CPU);
    }

    @Test
    void unevenExpertsAreCounted() throws Exception {
        try (Checkpoint moe = Checkpoints.open(Goldens.checkpoint("qwen3-moe"));
                Engine engine = Engines.open(config(2, 4), moe)) {
            EngineStats opened = engine.stats();
            int[] prompt = Goldens.of("qwen3-moe").get(1).ids();
            generateAll(
                    engine,
                    List.of(new GenerationRequest(1, prompt, SamplingParams.greedy(5), 1, Set.of(), StopCheck.NEVER)));
            long first = prompt.length + 4L; // the last output token is sampled but not computed
            long last = 5; // the prompt's last token, which the head reads, and the 4 output tokens
            assertThat(engine.stats().experts().tokens() - opened.experts().tokens())
                    .as("2 experts a token")
                    .isEqualTo(2 * (first + last));
            assertThat(engine.stats().expertImbalance(opened).orElseThrow()).isBetween(1.0, 4.0);
            assertThat(engine.stats().expertImbalance(engine.stats())).isEmpty();
        }
    }

    /** If the ranks are a multiple of the key/value heads, several ranks hold copies of one head; other counts cannot share them. */
    @Test
    void ranksNeitherDivideNorMultiplyKeyHeads(@TempDir Path dir) throws Exception {
        Path config = dir.resolve("config.json");
        Files.writeString(config, """
                {"model_type": "llama", "hidden_size": 96, "intermediate_size": 48, "shared_intermediate_size": 48, "num_hidden_layers": 1,
                 "num_attention_heads": 12, "num_key_value_heads": 6, "vocab_size": 96}""");
        ModelSpec model = Families.read(config);
        assertThatThrownBy(() -> Engines.check(config(4, 4), model))
                .isInstanceOf(UserError.class)
                .hasMessage("bad value of --ranks: 4 (must divide the model's 6 key/value heads or be a multiple of"
                        + " them; choose a divisor or leave --ranks out)");
        Engines.check(config(12, 4), model);
    }

    /** The rule for key/value heads holds: otherwise a rank would have heads of two groups, neither of them whole. */
    @Test
    void ranksNeitherDivideNorMultiplyGroupsOfHeads(@TempDir Path dir) throws Exception {
        Path config = dir.resolve("config.json");
        Files.writeString(config, """
                {"model_type": "granitemoehybrid", "hidden_size": 96, "intermediate_size": 48, "shared_intermediate_size": 48, "num_hidden_layers": 1,
                 "num_local_experts": 0, "num_attention_heads": 12, "num_key_value_heads": 12, "vocab_size": 96,
                 "layer_types": ["mamba"], "mamba_n_heads": 12, "mamba_n_groups": 6, "mamba_d_state": 8}""");
        ModelSpec model = Families.read(config);
        assertThatThrownBy(() -> Engines.check(config(4, 4), model))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "bad value of --ranks: 4 (must divide the model's 6 groups of Mamba-2 heads or be a multiple"
                                + " of them; choose a divisor or leave --ranks out)");
        Engines.check(config(3, 4), model);
        Engines.check(config(12, 4), model);
    }

    @Test
    void modelsThatGpusCannotComputeAreRefusedByName(@TempDir Path folder) throws IOException {
        String config = Files.readString(Goldens.checkpoint("qwen3-moe").resolve("config.json"));
        Files.writeString(
                folder.resolve("config.json"), config.replaceFirst("\"num_experts\": \\d+", "\"num_experts\": 1024"));
        EngineConfig cuda = EngineConfig.on(Backend.CUDA).with(new StepConfig(4, 0, 0));
        String message =
                "model cannot run on GPUs: qwen3_moe (GPUs compute no mixtures of more than 512 experts, or 32 a token, or 32 groups"
                        + " yet; use --backend cpu or choose another model)";
        try (Checkpoint model = Checkpoints.dummy(folder)) {
            assertThatThrownBy(() -> Engines.check(cuda, model.spec()))
                    .isInstanceOf(UserError.class)
                    .hasMessage(message);
            assertThatThrownBy(() -> Engines.plan(cuda, model.spec()))
                    .isInstanceOf(UserError.class)
                    .hasMessage(message);
        }
    }

    @Test
    void settingsThatCannotWorkAreRefused() {
        assertThatThrownBy(() ->
                        Engines.check(EngineConfig.on(Backend.CPU).with(new StepConfig(4, 0, 512)), checkpoint.spec()))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "bad value of --max-model-len: 512 (the model was trained for 256 positions; lower it or leave"
                                + " it out)");
        assertThatThrownBy(() -> Engines.check(
                        EngineConfig.on(Backend.CPU)
                                .with(new StepConfig(4, 0, 0))
                                .with(new KvConfig(16, 3, true)),
                        checkpoint.spec()))
                .isInstanceOf(UserError.class)
                .hasMessage("bad value of --kv-pages: 3 (one sequence of 256 tokens needs 16; raise it or lower"
                        + " --max-model-len)");
        assertThatThrownBy(() ->
                        EngineConfig.on(Backend.CPU).with(new Layout(0, -1)).with(new StepConfig(4, 0, 0)))
                .isInstanceOf(UserError.class)
                .hasMessage("bad value of --ranks: -1 (at least 0; leave it out to have it chosen)");
        assertThatThrownBy(() -> EngineConfig.on(Backend.CPU).with(new StepConfig(4, 3, 0)))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "bad value of --max-num-batched-tokens: 3 (at least --max-num-seqs, 4, so that every running"
                                + " sequence gets a token in a step; raise it or lower --max-num-seqs)");
    }

    private static EngineConfig config(int ranks, int sequences) {
        return EngineConfig.on(Backend.CPU)
                .with(new Layout(1, ranks))
                .with(new StepConfig(sequences, 64, 0))
                .with(new KvConfig(8, 0, true))
                .withThreads(2);
    }

    private static GenerationRequest request(
            long id, SamplingParams sampling, long seed, Set<Integer> stopTokens, StopCheck stopCheck) {
        return new GenerationRequest(id, GOLDEN.ids(), sampling, seed, stopTokens, stopCheck);
    }

    private static Generation generate(GenerationRequest request) throws InterruptedException {
        return generateAll(engine, List.of(request)).get(0);
    }

    /** Returns answers ordered by id. */
    private static List<Generation> generateAll(Engine engine, List<GenerationRequest> requests)
            throws InterruptedException {
        List<Generation> answers = new ArrayList<>();
        try (Engine.Session session = engine.session()) {
            for (GenerationRequest request : requests) {
                long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
                while (!session.offer(request)) {
                    assertThat(System.nanoTime()).isLessThan(deadline);
                    Thread.sleep(5);
                }
            }
            while (session.inFlight() > 0) {
                session.poll(Duration.ofSeconds(20)).ifPresent(answers::add);
            }
        }
        answers.sort(Comparator.comparingLong(Generation::id));
        return answers;
    }
}
