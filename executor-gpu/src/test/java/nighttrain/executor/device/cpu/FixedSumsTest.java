package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FixedSumsTest {
    /** Compares bits with the definition: 16 sums, each over every 16th number, whose halves are then added pairwise. */
    @ParameterizedTest
    @ValueSource(ints = {1, 7, 8, 15, 16, 17, 32, 61, 128, 1000})
    void theOrderIsFixed(int count) {
        Random random = new Random(count);
        float[] x = new float[count + 3];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(5)));
        }
        float[] sums = new float[16];
        float[] squares = new float[16];
        for (int i = 0; i < count; i++) {
            sums[i % 16] += x[3 + i];
            squares[i % 16] = Math.fma(x[3 + i], x[3 + i], squares[i % 16]);
        }
        assertThat(FixedSums.ofSquares(x, 3, count)).isEqualTo(halved(squares));
        if (count % 16 == 0) {
            assertThat(FixedSums.of(x, 3, count)).isEqualTo(halved(sums));
        }
    }

    private static float halved(float[] chains) {
        for (int half = 8; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                chains[i] += chains[i + half];
            }
        }
        return chains[0];
    }
}
