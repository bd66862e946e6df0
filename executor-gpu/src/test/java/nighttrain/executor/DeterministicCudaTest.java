package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.GpuConfig;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.constraint.TokenAutomaton;
import nighttrain.io.spec.StateFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code --deterministic}: a row's tokens and the bits of their log-probabilities are the same alone and in a batch of 256. */
@Tag("gpu")
class DeterministicCudaTest {
    private static final int CROWD = 256;
    private static final TokenAutomaton AUTOMATON =
            Dfa.random(new Random(2), 12, 96, 0).automaton();

    @ParameterizedTest
    @CsvSource({
        "llama-gqa,1,512",
        "llama-gqa,1,4096",
        "qwen3,1,512",
        "qwen3-moe,1,512",
        "pt-moe,1,512",
        "gpt2,1,512",
        "mistral-sliding-window,1,300",
        "qwen3_5,1,512",
        "qwen3_5,1,4096",
        "granitemoehybrid,1,512",
        "llama-gqa,2,512",
        "parallel-track,2,512",
        "laneformer,2,512",
        "qwen3_5,2,512",
        "granitemoehybrid,2,512"
    })
    void aloneAndInACrowd(String name, int ranks, int batchTokens) throws Exception {
        assumeThat(CudaDevices.count()).isGreaterThanOrEqualTo(ranks);
        EngineConfig config = config(ranks, CROWD, batchTokens, 4_096);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine engine = Engines.open(config, checkpoint)) {
            List<GenerationRequest> requests =
                    IntStream.range(0, CROWD).mapToObj(i -> request(i)).toList();
            Generation[] crowd = new Generation[CROWD];
            answer(engine, requests, crowd);
            for (int i = 0; i < CROWD; i += 25) {
                Generation[] alone = new Generation[CROWD];
                answer(engine, List.of(requests.get(i)), alone);
                assertThat(alone[i].tokens()).as("row %d", i).isEqualTo(crowd[i].tokens());
                assertThat(alone[i].logprobs()).as("row %d", i).isEqualTo(crowd[i].logprobs());
                assertThat(alone[i].scores()).as("row %d", i).isEqualTo(crowd[i].scores());
            }
            assertThat(Arrays.stream(crowd)
                            .map(g -> Arrays.toString(g.tokens()))
                            .distinct())
                    .hasSizeGreaterThan(CROWD / 2);
        }
    }

    /** Slots are few and reused, and few pages cause preemption: a row that restarts, or reuses a slot, has the bits it has alone. */
    @ParameterizedTest
    @CsvSource({"qwen3_5,1,4096,false", "qwen3_5,1,40,true", "qwen3_5,2,40,true"})
    void everySequenceHasAStateOfItsOwn(String name, int ranks, int pages, boolean preempted) throws Exception {
        assumeThat(CudaDevices.count()).isGreaterThanOrEqualTo(ranks);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine engine = Engines.open(config(ranks, 8, 100, pages).with(new Lengths(8, 1)), checkpoint)) {
            List<GenerationRequest> requests =
                    IntStream.range(0, CROWD).mapToObj(i -> request(i)).toList();
            Generation[] crowd = new Generation[CROWD];
            answer(engine, requests, crowd);
            assertThat(engine.stats().preemptions() > 0).isEqualTo(preempted);
            for (int i = 0; i < CROWD; i += 15) {
                Generation[] alone = new Generation[CROWD];
                answer(engine, List.of(requests.get(i)), alone);
                assertThat(alone[i].tokens()).as("row %d", i).isEqualTo(crowd[i].tokens());
                assertThat(alone[i].logprobs()).as("row %d", i).isEqualTo(crowd[i].logprobs());
            }
        }
    }

    /** Prompts that share a prefix, or are equal, start from copies of states on every rank, also where slots, and so snapshots, are few. */
    @ParameterizedTest
    @CsvSource({
        "qwen3_5,1,256,FP32",
        "qwen3_5,1,3,BF16",
        "granitemoehybrid,1,256,BF16",
        "granitemoehybrid-groups,2,64,FP32",
        "gla,1,64,FP32",
        "gla-convolved,1,3,FP32",
        "qwen3_5,2,64,FP32",
        "qwen3-next,4,64,FP32"
    })
    void snapshotsChangeNoBit(String name, int ranks, int sequences, StateFormat states) throws Exception {
        assumeThat(CudaDevices.count()).isGreaterThanOrEqualTo(ranks);
        List<GenerationRequest> requests = new ArrayList<>();
        int[] beginning = new Random(1).ints(100, 0, 96).toArray();
        for (int i = 0; i < CROWD; i++) {
            GenerationRequest alone = request(i);
            int[] prompt = Arrays.copyOf(beginning, 100 + alone.promptTokens().length);
            System.arraycopy(alone.promptTokens(), 0, prompt, i % 7 == 0 ? 40 : 100, alone.promptTokens().length);
            prompt = i % 4 == 3 ? requests.get(i - 1).promptTokens() : prompt;
            SamplingParams sampling = SamplingParams.greedy(5).withLogprobs(2).withPromptLogprobs(i % 50 == 0);
            requests.add(new GenerationRequest(i, prompt, sampling, i, Set.of(), StopCheck.NEVER));
        }
        EngineConfig config = config(ranks, sequences, 1024, 0).with(states);
        Generation[] with = new Generation[CROWD];
        Generation[] without = new Generation[CROWD];
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name))) {
            try (Engine engine = Engines.open(config, checkpoint)) {
                answer(engine, requests, with);
                assertThat(engine.stats().tokens().cachedPrompt()).isGreaterThan(CROWD / 2 * 96);
            }
            try (Engine engine = Engines.open(config.with(new KvConfig(16, 0, false)), checkpoint)) {
                answer(engine, requests, without);
                assertThat(engine.stats().tokens().cachedPrompt()).isZero();
            }
        }
        for (int i = 0; i < CROWD; i++) {
            assertThat(with[i].tokens()).as("row %d", i).isEqualTo(without[i].tokens());
            assertThat(with[i].logprobs()).as("row %d", i).isEqualTo(without[i].logprobs());
            assertThat(with[i].promptLogprobs()).as("row %d", i).isEqualTo(without[i].promptLogprobs());
        }
    }

    private static EngineConfig config(int ranks, int sequences, int batchTokens, int pages) {
        return EngineConfig.on(Backend.CUDA)
                .with(new Layout(1, ranks))
                .with(new StepConfig(sequences, batchTokens, 0))
                .with(new KvConfig(16, pages, true))
                .withThreads(2)
                .with(new GpuConfig(List.of(), 0.9, true, false));
    }

    /** Returns a request with a prompt of 1 to 150 tokens: every second one is greedy, some have a constraint, some ask for scores. */
    private static GenerationRequest request(int i) {
        Random random = new Random(i);
        int[] prompt = random.ints(1 + random.nextInt(150), 0, 96).toArray();
        SamplingParams sampling = SamplingParams.greedy(60)
                .withTemperature(i % 2)
                .with(new Filter(0, i % 3 == 0 ? 0.9 : 1, 0))
                .withLogprobs(2)
                .withIgnoreEos(true);
        return new GenerationRequest(
                i,
                prompt,
                sampling,
                i,
                Set.of(),
                StopCheck.NEVER,
                i % 4 == 0 ? Optional.of(new TokenConstraint(AUTOMATON, false)) : Optional.empty(),
                i % 25 == 0 && i % 2 == 1
                        ? IntStream.rangeClosed(1, prompt.length)
                                .mapToObj(position -> new Score(position, position % 96))
                                .toList()
                        : List.of());
    }

    private static void answer(Engine engine, List<GenerationRequest> requests, Generation[] answers)
            throws InterruptedException {
        try (Engine.Session session = engine.session()) {
            for (GenerationRequest request : requests) {
                while (!session.offer(request)) {
                    session.poll(Duration.ofSeconds(60)).ifPresent(answer -> answers[(int) answer.id()] = answer);
                }
            }
            while (session.inFlight() > 0) {
                Generation answer = session.poll(Duration.ofSeconds(60)).orElseThrow();
                answers[(int) answer.id()] = answer;
            }
        }
    }
}
