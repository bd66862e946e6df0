package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.model.DecoderHarness;
import nighttrain.executor.model.RoundedDevice;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole engines on GPUs: batches, chunks of prompts, recorded decode steps. */
@Tag("gpu")
class EngineCudaTest {
    /** What is always allowed, in log-probability: bf16 moves these models' logits by 0.05 in the mean. */
    private static final double MOST = 0.5;

    private static final double MEAN = 0.01;

    /** Passes on the CPU whose results are rounded to bf16, for every text. */
    private static final int SEEDS = 8;

    /** Every greedy token is, by the CPU's fp32 logits of the text before it, as likely as the likeliest but for what rounding to bf16 makes. */
    @ParameterizedTest
    @CsvSource({
        "llama-gqa,1,BF16",
        "qwen3,1,BF16",
        "qwen3_5-multimodal,1,BF16",
        "granitemoehybrid,1,BF16",
        "gla,1,BF16",
        "qwen3-moe,1,BF16",
        "mixtral,1,BF16",
        "granitemoe,1,BF16",
        "pt-moe,1,BF16",
        "gpt2,1,BF16",
        "phi,1,BF16",
        "mistral-sliding-window,2,BF16",
        "llama-gqa,2,BF16",
        "qwen3-moe,2,BF16",
        "qwen3_5-multimodal,2,BF16",
        "granitemoehybrid-groups,2,BF16",
        "parallel-track,4,BF16",
        "pt-moe,4,BF16",
        "desync-residual,4,BF16",
        "laneformer,4,BF16",
        "llama-gqa,1,FP8",
        "qwen3,1,FP8",
        "gpt2,1,FP8",
        "mistral-sliding-window,2,FP8",
        "parallel-track,2,FP8"
    })
    void greedyTextIsLikely(String name, int ranks, KvFormat.Choice kv) throws Exception {
        assumeThat(CudaDevices.count()).isGreaterThanOrEqualTo(ranks);
        List<Golden> goldens = Goldens.of(name);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name))) {
            List<int[]> texts = new ArrayList<>();
            try (Engine engine = Engines.open(config(Backend.CUDA, ranks, true, kv), checkpoint)) {
                List<GenerationRequest> requests = IntStream.range(0, 24)
                        .mapToObj(
                                i -> request(i, goldens.get(i % goldens.size()).ids(), SamplingParams.greedy(64)))
                        .toList();
                for (Generation answer : answers(engine, requests)) {
                    int[] prompt = requests.get((int) answer.id()).promptTokens();
                    assertThat(answer.tokens()).hasSize(64);
                    texts.add(IntStream.concat(IntStream.of(prompt), IntStream.of(answer.tokens()))
                            .toArray());
                }
            }
            checkLikely(
                    checkpoint,
                    texts,
                    goldens,
                    kv,
                    Below.rounded(checkpoint.with(checkpoint.spec().with(kv)), goldens, ranks));
        }
    }

    private static void checkLikely(
            Checkpoint checkpoint, List<int[]> texts, List<Golden> goldens, KvFormat.Choice kv, Below rounded)
            throws Exception {
        SamplingParams scoring = SamplingParams.greedy(1).withLogprobs(1).withPromptLogprobs(true);
        try (Engine exact = Engines.open(config(Backend.CPU, 1, false, kv), checkpoint)) {
            List<GenerationRequest> requests = IntStream.range(0, texts.size())
                    .mapToObj(i -> request(i, texts.get(i), scoring))
                    .toList();
            DoubleSummaryStatistics below = new DoubleSummaryStatistics();
            for (Generation scored : answers(exact, requests)) {
                int prompt = goldens.get((int) scored.id() % goldens.size()).ids().length;
                List<TokenLogprobs> answer = scored.promptLogprobs()
                        .subList(prompt - 1, scored.promptLogprobs().size());
                assertThat(answer).hasSize(64);
                answer.forEach(token -> below.accept(token.likeliest().get(0).logprob() - token.logprob()));
            }
            assertThat(below.getMax()).as("the farthest token").isLessThanOrEqualTo(rounded.most());
            assertThat(below.getAverage()).as("the mean token").isLessThanOrEqualTo(rounded.mean());
        }
    }

    /**
     * How far below the likeliest token, by exact logits, greedy tokens may lie.
     *
     * @param most any one
     * @param mean all in the mean
     */
    private record Below(double most, double mean) {
        /** From the goldens' own texts: what rounded logits prefer. */
        static Below rounded(Checkpoint checkpoint, List<Golden> goldens, int ranks) {
            int vocabulary = checkpoint.spec().vocabSize();
            DoubleSummaryStatistics below = new DoubleSummaryStatistics();
            for (Golden golden : goldens) {
                int[] text = IntStream.concat(IntStream.of(golden.ids()), IntStream.of(golden.greedy()))
                        .toArray();
                float[] exact = DecoderHarness.logits(checkpoint, 1, text);
                for (float[] rounded : RoundedDevice.logits(checkpoint, ranks, SEEDS, text)) {
                    for (int row = 0; row < exact.length; row += vocabulary) {
                        below.accept(
                                exact[likeliest(exact, row, vocabulary)] - exact[likeliest(rounded, row, vocabulary)]);
                    }
                }
            }
            return new Below(
                    Math.max(MOST, RoundedDevice.SLACK * below.getMax()),
                    Math.max(MEAN, RoundedDevice.SLACK * below.getAverage()));
        }
    }

    private static int likeliest(float[] logits, int from, int count) {
        return IntStream.range(from, from + count)
                .reduce((a, b) -> logits[b] > logits[a] ? b : a)
                .orElseThrow();
    }

    /** Alone in its batch, a request meets the same shapes each time: first enqueued, then recorded, then replayed. */
    @ParameterizedTest
    @CsvSource({
        "llama-gqa,1",
        "qwen3-moe,1",
        "qwen3_5,1",
        "llama-gqa,2",
        "qwen3_5,2",
        "parallel-track,1",
        "parallel-track,4"
    })
    void textAloneIsTheSameEveryTime(String name, int ranks) throws Exception {
        assumeThat(CudaDevices.count()).isGreaterThanOrEqualTo(ranks);
        SamplingParams greedy = SamplingParams.greedy(64).withLogprobs(2);
        SamplingParams warm = SamplingParams.greedy(64)
                .withTemperature(1.2)
                .with(new Filter(0, 0.95, 0))
                .withLogprobs(2);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name));
                Engine engine = Engines.open(config(Backend.CUDA, ranks, false), checkpoint)) {
            for (SamplingParams sampling : List.of(greedy, warm)) {
                GenerationRequest request = request(5, Goldens.of(name).get(1).ids(), sampling);
                Generation first = answers(engine, List.of(request)).get(0);
                for (int i = 0; i < 3; i++) {
                    Generation again = answers(engine, List.of(request)).get(0);
                    assertThat(again.tokens()).isEqualTo(first.tokens());
                    assertThat(again.logprobs()).isEqualTo(first.logprobs());
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1,0", "2,0", "2,1"})
    void aRankThatFailsWhileItLoadsIsNamed(int ranks, int failing) throws Exception {
        assumeThat(CudaDevices.count()).isGreaterThanOrEqualTo(ranks);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("llama-gqa"))) {
            Checkpoint broken = new FailsOnRank(checkpoint, failing, "model.norm.weight");
            assertThatThrownBy(() -> Engines.open(config(Backend.CUDA, ranks, true), broken))
                    .hasMessage("rank " + failing
                            + " failed: java.lang.IllegalStateException: planted at model.norm.weight");
            checkAnswers(checkpoint, ranks);
        }
    }

    @ParameterizedTest
    @CsvSource({"1", "2"})
    void memoryThatRunsOutIsNamed(int ranks) throws Exception {
        assumeThat(CudaDevices.count()).isGreaterThanOrEqualTo(ranks);
        EngineConfig absurd = EngineConfig.on(Backend.CUDA)
                .with(new Layout(1, ranks))
                .with(new StepConfig(8, 64, 0))
                .with(new KvConfig(16, 2_000_000_000, true))
                .withThreads(2);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint("llama-gqa"))) {
            for (int attempt = 0; attempt < 3; attempt++) {
                assertThatThrownBy(() -> Engines.open(absurd, checkpoint))
                        .hasMessageMatching("rank [01] failed: java.lang.IllegalStateException: out of GPU memory:"
                                + " keys and values of layer 0, keys needs \\d+ MiB \\(\\d+ MiB are free; lower .*\\)");
            }
            checkAnswers(checkpoint, ranks);
        }
    }

    /** The same JVM opens another engine, which answers. */
    static void checkAnswers(Checkpoint checkpoint, int ranks) throws Exception {
        try (Engine engine = Engines.open(config(Backend.CUDA, ranks, true), checkpoint)) {
            int[] prompt = Goldens.of("llama-gqa").get(1).ids();
            List<Generation> answers = answers(engine, List.of(request(1, prompt, SamplingParams.greedy(64))));
            assertThat(answers.get(0).tokens()).hasSize(64);
        }
    }

    private static EngineConfig config(Backend backend, int ranks, boolean prefixCache) {
        return config(backend, ranks, prefixCache, KvFormat.Choice.BF16);
    }

    private static EngineConfig config(Backend backend, int ranks, boolean prefixCache, KvFormat.Choice kv) {
        return EngineConfig.on(backend)
                .with(new Layout(1, ranks))
                .with(new StepConfig(8, 64, 0))
                .with(new KvConfig(16, 0, prefixCache, kv))
                .withThreads(2);
    }

    private static GenerationRequest request(long id, int[] prompt, SamplingParams sampling) {
        return new GenerationRequest(id, prompt, sampling, id, Set.of(), StopCheck.NEVER);
    }

    /** Answers in the order of ids. */
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
