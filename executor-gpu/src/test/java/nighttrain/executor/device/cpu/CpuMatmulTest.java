package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuMatmulTest {
    private final Random random = new Random(42);

    @ParameterizedTest
    @CsvSource({"1,1,1,1,1", "1,1,7,5,1", "2,3,33,17,2", "1,6,64,48,2", "3,13,31,50,2", "1,97,40,129,2", "2,200,16,16,3"
    })
    void agreesWithFloat64(int tracks, int rows, int inputs, int outputs, int threads) {
        float[] weights = values(tracks * outputs * inputs);
        float[] bias = values(tracks * outputs);
        CpuTensor x = CpuTensor.of(values(tracks * rows * inputs), tracks, rows, inputs);
        CpuTensor out = poisoned(tracks, rows, outputs);
        CpuMatrix matrix = CpuMatrix.of(
                tracks,
                outputs,
                inputs,
                (track, output, target) ->
                        System.arraycopy(weights, (track * outputs + output) * inputs, target, 0, inputs),
                Optional.of(bias));
        try (ThreadTeam team = new ThreadTeam("test", threads)) {
            new CpuMatmul(team).run(out, x, matrix);
        }
        for (int t = 0; t < tracks; t++) {
            for (int r = 0; r < rows; r++) {
                for (int o = 0; o < outputs; o++) {
                    double expected = bias[t * outputs + o];
                    for (int i = 0; i < inputs; i++) {
                        expected += (double) x.data()[x.row(t, r) + i] * weights[(t * outputs + o) * inputs + i];
                    }
                    assertThat((double) out.data()[out.row(t, r) + o]).isCloseTo(expected, within(1e-4));
                }
            }
        }
    }

    @Test
    void rowDoesNotDependOnTheRestOfTheBatch() {
        int inputs = 70;
        int outputs = 45;
        float[] weights = values(outputs * inputs);
        CpuMatrix matrix = CpuMatrix.of(
                1,
                outputs,
                inputs,
                (track, output, target) -> System.arraycopy(weights, output * inputs, target, 0, inputs),
                Optional.empty());
        CpuTensor x = CpuTensor.of(values(100 * inputs), 1, 100, inputs);
        CpuTensor all = poisoned(1, 100, outputs);
        try (ThreadTeam team = new ThreadTeam("test", 2)) {
            CpuMatmul product = new CpuMatmul(team);
            product.run(all, x, matrix);
            for (int row = 0; row < 100; row++) {
                CpuTensor alone = poisoned(1, 1, outputs);
                float[] input = Arrays.copyOfRange(x.data(), row * inputs, (row + 1) * inputs);
                product.run(alone, CpuTensor.of(input, 1, 1, inputs), matrix);
                assertThat(alone.data()).isEqualTo(Arrays.copyOfRange(all.data(), row * outputs, (row + 1) * outputs));
            }
        }
    }

    private float[] values(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** Returns an output that holds NaN wherever nothing is written. */
    private static CpuTensor poisoned(int tracks, int rows, int cols) {
        CpuTensor tensor = CpuTensor.zeros(tracks, rows, cols);
        Arrays.fill(tensor.data(), Float.NaN);
        return tensor;
    }
}
