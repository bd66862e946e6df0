package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.model.RoundedDevice;
import nighttrain.executor.reference.Bfloat16Checkpoint;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.GenerationRequest.StopCheck;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares label probabilities from scores on a GPU in bf16 with those on the CPU in fp32, from the same bf16 weights. */
@Tag("gpu")
class CudaScoresTest {
    private static final int PROMPTS = 64;
    private static final int LABELS = 5;
    private static final int LABEL_TOKENS = 3;

    private static final int SEEDS = 2;

    @ParameterizedTest
    @ValueSource(strings = {"llama-gqa", "qwen3", "gemma3", "gpt2", "parallel-track"})
    void probabilitiesOfLabels(String name) throws Exception {
        double[][] expected = probabilities(Backend.CPU, name);
        double[][] actual = probabilities(Backend.CUDA, name);
        assertThat(farthest(expected, actual)).isLessThan(RoundedDevice.SLACK * rounded(name, expected));
        assertThat(Arrays.stream(expected).flatMapToDouble(Arrays::stream).max().orElseThrow())
                .as("a model that prefers some labels")
                .isGreaterThan(2.0 / LABELS);
    }

    private static double farthest(double[][] expected, double[][] actual) {
        return IntStream.range(0, PROMPTS)
                .mapToDouble(row -> IntStream.range(0, LABELS)
                        .mapToDouble(label -> Math.abs(expected[row][label] - actual[row][label]))
                        .max()
                        .orElseThrow())
                .max()
                .orElseThrow();
    }

    /** Returns how far rounding to bf16 moves a probability at most. */
    private static double rounded(String name, double[][] expected) {
        try (Checkpoint checkpoint = new Bfloat16Checkpoint(Checkpoints.open(Goldens.checkpoint(name)))) {
            int vocabulary = checkpoint.spec().vocabSize();
            double[][][] weights = new double[SEEDS][PROMPTS][LABELS];
            for (int id = 0; id < PROMPTS * LABELS; id++) {
                GenerationRequest request = request(id, vocabulary);
                List<float[]> passes = RoundedDevice.logits(checkpoint, 1, SEEDS, request.promptTokens());
                for (int seed = 0; seed < SEEDS; seed++) {
                    float[] logits = passes.get(seed);
                    weights[seed][id / LABELS][id % LABELS] = Math.exp(request.scores().stream()
                            .mapToDouble(score ->
                                    logprob(logits, (score.position() - 1) * vocabulary, vocabulary, score.token()))
                            .sum());
                }
            }
            return Arrays.stream(weights)
                    .mapToDouble(rows -> farthest(expected, normalized(rows)))
                    .max()
                    .orElseThrow();
        }
    }

    private static double logprob(float[] logits, int from, int count, int token) {
        double sum = IntStream.range(from, from + count)
                .mapToDouble(i -> Math.exp((double) logits[i] - logits[from + token]))
                .sum();
        return -Math.log(sum);
    }

    private static double[][] normalized(double[][] weights) {
        for (double[] row : weights) {
            double sum = Arrays.stream(row).sum();
            Arrays.setAll(row, label -> row[label] / sum);
        }
        return weights;
    }

    private static double[][] probabilities(Backend backend, String name) throws InterruptedException {
        EngineConfig config = EngineConfig.on(backend)
                .with(new Layout(1, 1))
                .with(new StepConfig(PROMPTS * LABELS, 512, 0))
                .with(new KvConfig(16, 4_096, true))
                .withThreads(2);
        try (Checkpoint checkpoint = new Bfloat16Checkpoint(Checkpoints.open(Goldens.checkpoint(name)));
                Engine engine = Engines.open(config, checkpoint);
                Engine.Session session = engine.session()) {
            int vocabulary = checkpoint.spec().vocabSize();
            for (int request = 0; request < PROMPTS * LABELS; request++) {
                assertThat(session.offer(request(request, vocabulary))).isTrue();
            }
            double[][] weights = new double[PROMPTS][LABELS];
            for (int left = PROMPTS * LABELS; left > 0; left--) {
                Generation answer = session.poll(Duration.ofSeconds(60)).orElseThrow();
                double logprob = 0;
                for (float score : answer.scores()) {
                    logprob += score;
                }
                weights[(int) answer.id() / LABELS][(int) answer.id() % LABELS] = Math.exp(logprob);
            }
            return normalized(weights);
        }
    }

    /** Returns a request for the scores of a label's tokens after its prompt. */
    private static GenerationRequest request(int id, int vocabulary) {
        Random ofPrompt = new Random(id / LABELS);
        int[] prompt = ofPrompt.ints(10 + ofPrompt.nextInt(60), 0, vocabulary).toArray();
        int[] label =
                new Random(-1 - id % LABELS).ints(LABEL_TOKENS, 0, vocabulary).toArray();
        int[] tokens = Arrays.copyOf(prompt, prompt.length + LABEL_TOKENS - 1);
        System.arraycopy(label, 0, tokens, prompt.length, LABEL_TOKENS - 1);
        List<Score> scores = IntStream.range(0, LABEL_TOKENS)
                .mapToObj(i -> new Score(prompt.length + i, label[i]))
                .toList();
        return new GenerationRequest(
                id, tokens, SamplingParams.greedy(1), id, Set.of(), StopCheck.NEVER, Optional.empty(), scores);
    }
}
