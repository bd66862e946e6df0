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
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Goldens.Golden;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.model.DecoderHarness;
import nighttrain.executor.model.RoundedDevice;
import nighttrain.executor.reference.Bfloat16Checkpoint;
import nighttrain.executor.request.Generation;
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

/** Tests whole engines on GPUs: batches, chunked prompts, recorded decode steps. */
@Tag("gpu")
class EngineCudaTest {
    /** How far any greedy token may lie below the most likely one, in log-probability; {@link #MEAN} limits the average. */
    private static final double MOST = 1.5;

    private static final double MEAN = 0.02;

    /** Passes on the CPU with results rounded to bf16, for every text. */
    private static final int SEEDS = 8;

    /** Every greedy token is about as likely as the most likely one at its position, on the CPU in fp32 or with results rounded to bf16. */
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
        "granitemoehybrid,2,BF16",
        "granitemoehybrid-groups,2,BF16",
        "parallel-track,4,BF16",
        "pt-moe,4,BF16",
        "desync-residual,4,BF16",
        "laneformer,4,BF16",
        "llama-gqa,1,FP8",
        "qwen3,1,FP8",
        "gpt2,1,FP8",
        "mistral-sliding-window,2,FP8",
        "parallel-track,2,FP8",
        "llama-gqa,1,INT8",
        "qwen3,1,INT8",
        "mistral-sliding-window,2,INT8"
    })
    void greedyTextIsLikely(String name, int ranks, KvFormat.Choice kv) throws Exception {
        assumeThat(CudaDevices.count()).isGreaterThanOrEqualTo(ranks);
        List<Golden> goldens = Goldens.of(name);
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name))) {
            List<int[]> texts = new ArrayList<>();
            try (Engine engine = Engines.open(config(ranks, true, kv), checkpoint)) {
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
            DoubleSummaryStatistics below = new DoubleSummaryStatistics();
            Checkpoint read =
                    new Bfloat16Checkpoint(checkpoint.with(checkpoint.spec().with(kv)));
            for (int i = 0; i < texts.size(); i++) {
                below(read, ranks, texts.get(i), texts.get(i).length - 64).forEach(below);
            }
            assertThat(below.getMax()).as("the farthest token").isLessThan(MOST);
            assertThat(below.getAverage()).as("the mean token").isLessThan(MEAN);
        }
    }

    /** Returns how far each token from {@code first} on lies below the most likely one, in the pass where the distance is smallest. */
    private static DoubleStream below(Checkpoint checkpoint, int ranks, int[] text, int first) {
        int vocabulary = checkpoint.spec().vocabSize();
        List<float[]> passes = new ArrayList<>(RoundedDevice.logits(checkpoint, ranks, SEEDS, text));
        passes.add(DecoderHarness.logits(checkpoint, 1, text));
        return IntStream.range(first, text.length).mapToDouble(i -> {
            int row = (i - 1) * vocabulary;
            return passes.stream()
                    .mapToDouble(logits -> logits[likeliest(logits, row, vocabulary)] - logits[row + text[i]])
                    .min()
                    .orElseThrow();
        });
    }

    private static int likeliest(float[] logits, int from, int count) {
        return IntStream.range(from, from + count)
                .reduce((a, b) -> logits[b] > logits[a] ? b : a)
                .orElseThrow();
    }

    /** A request alone in its batch has the same shapes in every run; its steps are first enqueued, then recorded, then replayed. */
    @ParameterizedTest
    @CsvSource({
        "llama-gqa,1",
        "qwen3-moe,1",
        "qwen3_5,1",
        "llama-gqa,2",
        "qwen3_5,2",
        "granitemoehybrid,2",
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
                Engine engine = Engines.open(config(ranks, false), checkpoint)) {
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
            assertThatThrownBy(() -> Engines.open(config(ranks, true), broken))
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

    /** Checks that another engine opened in the same JVM answers. */
    static void checkAnswers(Checkpoint checkpoint, int ranks) throws Exception {
        try (Engine engine = Engines.open(config(ranks, true), checkpoint)) {
            int[] prompt = Goldens.of("llama-gqa").get(1).ids();
            List<Generation> answers = answers(engine, List.of(request(1, prompt, SamplingParams.greedy(64))));
            assertThat(answers.get(0).tokens()).hasSize(64);
        }
    }

    private static EngineConfig config(int ranks, boolean prefixCache) {
        return config(ranks, prefixCache, KvFormat.Choice.BF16);
    }

    private static EngineConfig config(int ranks, boolean prefixCache, KvFormat.Choice kv) {
        return EngineConfig.on(Backend.CUDA)
                .with(new Layout(1, ranks))
                .with(new StepConfig(8, 64, 0))
                .with(new KvConfig(16, 0, prefixCache, kv))
                .withThreads(2);
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
