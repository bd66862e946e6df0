package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;

/** A device that samples from given logits. */
abstract class SamplingDevice extends OneDevice {
    static final float[] LOGITS = {0f, 1f, 3f, 2f, -1f, 2.5f};

    /** Largest difference of cumulative probabilities between fp32 and float64. */
    static final double CUMULATED = 1e-4;

    private final Map<Integer, Tensor> buffers = new HashMap<>();

    SamplingDevice(TestBackend backend) {
        super(backend);
    }

    void checkCumulated(double[] probabilities, double uniform, int token) {
        double before = Arrays.stream(probabilities, 0, token).sum();
        assertThat(uniform)
                .as("uniform number of token %d (seed %d)", token, noise.seed)
                .isBetween(before - CUMULATED, before + probabilities[token] + CUMULATED);
    }

    static SamplingParams sampling(double temperature, int topK, double topP, double minP) {
        return SamplingParams.greedy(1).withTemperature(temperature).with(new Filter(topK, topP, minP));
    }

    static SampleRequest plain(SamplingParams sampling, long seed) {
        return new SampleRequest(sampling, seed, new int[] {0}, 1, 1, SampleRequest.NONE);
    }

    static <T> List<T> copies(T value, int count) {
        return java.util.Collections.nCopies(count, value);
    }

    static int[] tokens(List<SampledToken> sampled) {
        return sampled.stream().mapToInt(SampledToken::token).toArray();
    }

    /** Runs one step that samples from every row. */
    List<SampledToken> sample(List<SampleRequest> samples, List<float[]> rows) {
        int vocabulary = rows.get(0).length;
        float[] values = new float[rows.size() * vocabulary];
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(rows.get(i), 0, values, i * vocabulary, vocabulary);
        }
        int room = vocabulary > 1_000 ? 64 : TestBackend.MAX_SAMPLES;
        Tensor logits = buffers.computeIfAbsent(vocabulary, v -> device.logits("logits", room, v))
                .firstRows(rows.size());
        device.write(logits, values);
        stepIo.begin(batch(new int[rows.size()], IntStream.range(0, rows.size()).toArray(), samples));
        sampler.sample(logits, 0);
        return stepIo.end().await();
    }
}
