package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExponentialTest {
    private static final double MOST_ULPS = 1.1;

    /** Checks every 10,007th float of either sign, and many for which the result is neither 0 nor infinite. */
    @Test
    void isCloseToFloat64() {
        for (long bits = 0; bits < 1L << 32; bits += 10_007) {
            check(Float.intBitsToFloat((int) bits));
        }
        Random random = new Random(1);
        for (int i = 0; i < 300_000; i++) {
            check(random.nextFloat() * 194 - 105);
            check(random.nextFloat() - 0.5f);
            check(-87 - random.nextFloat() * 17); // subnormal results
        }
    }

    private static void check(float x) {
        double exact = StrictMath.exp(x);
        float expected = (float) exact;
        float actual = Exponential.of(x);
        if (Float.isNaN(x)) {
            assertThat(actual).isNaN();
        } else if (Float.isInfinite(expected)) {
            assertThat(actual).as("e^%s", x).isEqualTo(expected);
        } else if (Math.abs(actual - exact) > MOST_ULPS * Math.ulp(expected)) {
            assertThat((double) actual).as("e^%s", x).isCloseTo(exact, within(MOST_ULPS * Math.ulp(expected)));
        }
    }

    @ParameterizedTest
    @ValueSource(
            floats = {
                0f,
                -0f,
                Float.MIN_VALUE,
                Float.NEGATIVE_INFINITY,
                Float.POSITIVE_INFINITY,
                Float.NaN,
                Float.MAX_VALUE,
                -Float.MAX_VALUE,
                88.72284f,
                89f,
                89.5f,
                -87.33655f,
                -103.27893f,
                -103.97208f,
                -104f,
                -150f
            })
    void theEndsAreRight(float x) {
        check(x);
    }

    @Test
    void minusInfinityIsExactly0AndZeroExactly1() {
        assertThat(Exponential.of(Float.NEGATIVE_INFINITY)).isEqualTo(0f);
        assertThat(Exponential.of(0f)).isEqualTo(1f);
        assertThat(Exponential.of(-0f)).isEqualTo(1f);
    }

    @Test
    void vectorsHaveTheBitsOfSingleNumbers() {
        int lanes = FloatVector.SPECIES_PREFERRED.length();
        float[] x = new float[lanes];
        float[] out = new float[lanes];
        for (long bits = 0; bits < 1L << 32; bits += 300_007L * lanes) {
            for (int i = 0; i < lanes; i++) {
                x[i] = Float.intBitsToFloat((int) (bits + 300_007L * i));
            }
            VectorLoops.exponential(FloatVector.fromArray(FloatVector.SPECIES_PREFERRED, x, 0))
                    .intoArray(out, 0);
            for (int i = 0; i < lanes; i++) {
                assertThat(Float.floatToIntBits(out[i]))
                        .as("e^%s", x[i])
                        .isEqualTo(Float.floatToIntBits(Exponential.of(x[i])));
            }
        }
    }
}
