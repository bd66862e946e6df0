package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Int8Test {
    @Test
    void rowsOfIntegersStay() {
        for (int power = -127; power <= 58; power++) {
            float[] row = new float[257];
            for (int i = 1; i < 256; i++) {
                row[i] = Math.scalb(i - 128f, power);
            }
            row[0] = 1e38f;
            row[1] = row[2]; // -128 is not a code
            row[256] = -1e38f;
            float[] rounded = row.clone();
            Int8.round(rounded, 1, 255);
            assertThat(rounded).as("2^%d, and what is beside", power).isEqualTo(row);
        }
    }

    @Test
    void theStepIsTheLeastPowerOfTwoByWhichAllFit() {
        assertThat(rounded(127, 0.4f, -0.6f, 0.5f, 1.5f)).containsExactly(127, 0, -1, 0, 2);
        assertThat(rounded(127.01f, 1, 3, -5)).as("steps of 2").containsExactly(128, 0, 4, -4);
        assertThat(rounded(0, 0)).containsOnly(0);
        assertThat(rounded(1e30f, 1)).as("the largest power").containsExactly(127 * 0x1p58f, 0);
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void rowsThatAreNotFiniteAreNaN(float broken) {
        assertThat(rounded(1, broken, 2)).containsOnly(Float.NaN);
    }

    /** The matrix is symmetric and orthogonal: applied twice it is the identity, and lengths are kept. 80 numbers take 16 at a time. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 64, 61, 80, 256})
    void hadamardTwiceIsNothing(int count) {
        float[] x = new float[count + 2];
        Random random = new Random(count);
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian();
        }
        float[] once = x.clone();
        Hadamard.multiply(once, 1, count);
        float[] twice = once.clone();
        Hadamard.multiply(twice, 1, count);
        assertThat(twice).containsExactly(x, within(1e-5f));
        assertThat(once[0]).isEqualTo(x[0]);
        assertThat(once[count + 1]).isEqualTo(x[count + 1]);
    }

    @Test
    void hadamardSpreadsOneLargeNumber() {
        float[] x = new float[64];
        x[5] = 8;
        Hadamard.multiply(x, 0, 64);
        for (float each : x) {
            assertThat(Math.abs(each)).isEqualTo(1);
        }
    }

    private static float[] rounded(float... row) {
        Int8.round(row, 0, row.length);
        return row;
    }
}
