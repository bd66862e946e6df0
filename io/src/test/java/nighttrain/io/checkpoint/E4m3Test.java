package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.ByteBuffer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class E4m3Test {
    /** Returns the value of a code as the paper defines it: exponent -6 to 8, subnormals below, 448 the largest, NaN where all bits are set. */
    private static double defined(int code) {
        int exponent = code >> 3 & 15;
        int mantissa = code & 7;
        double magnitude =
                exponent == 0 ? mantissa * Math.pow(2, -9) : (8 + mantissa) / 8.0 * Math.pow(2, exponent - 7);
        return (code & 127) == 127 ? Double.NaN : code < 128 ? magnitude : -magnitude;
    }

    @Test
    void everyCodeHasItsValueAndComesBack() {
        for (int code = 0; code < 256; code++) {
            assertThat(E4m3.toFloat((byte) code)).isEqualTo(Float.valueOf((float) defined(code)));
            if ((code & 127) != 127) {
                assertThat(E4m3.of(E4m3.toFloat((byte) code))).isEqualTo((byte) code);
            }
        }
        assertThat(E4m3.MAX).isEqualTo(E4m3.toFloat((byte) 126)).isEqualTo(448);
    }

    /** Every value between two neighbours rounds to the nearer one, and the middle to the even one. */
    @Test
    void roundsToNearestEven() {
        for (int code = 0; code < 126; code++) {
            float low = E4m3.toFloat((byte) code);
            float high = E4m3.toFloat((byte) (code + 1));
            float middle = (low + high) / 2;
            int even = code % 2 == 0 ? code : code + 1;
            assertThat(E4m3.of(middle)).isEqualTo((byte) even);
            assertThat(E4m3.of(-middle)).isEqualTo((byte) (even | 128));
            assertThat(E4m3.of(Math.nextDown(middle))).isEqualTo((byte) code);
            assertThat(E4m3.of(Math.nextUp(middle))).isEqualTo((byte) (code + 1));
        }
    }

    /** A row's scale is the least power of two that brings its largest magnitude to 448 at most, whatever the size of its numbers. */
    @Test
    void rowsOfPagesHavePowersOfTwo() {
        float[] codes = new float[127];
        for (int code = 0; code < codes.length; code++) {
            codes[code] = E4m3.toFloat((byte) code);
        }
        for (int power = -110; power <= 7; power++) {
            float[] row = new float[codes.length + 2];
            for (int i = 0; i < codes.length; i++) {
                row[i + 1] = Math.scalb(codes[i], power);
            }
            row[0] = 1e30f;
            row[row.length - 1] = -1e30f;
            float[] rounded = row.clone();
            E4m3.round(rounded, 1, codes.length);
            assertThat(rounded).as("2^%d, and what is beside", power).isEqualTo(row);
        }
        float[] finer = {448.5f, 17, -0.01f, 0};
        E4m3.round(finer, 0, 4);
        assertThat(finer).as("times 2: steps of 2 from 16 on").containsExactly(448, 16, -6 / 512f, 0);
        float[] zeros = new float[3];
        E4m3.round(zeros, 0, 3);
        assertThat(zeros).containsOnly(0);
    }

    @Test
    void rowsOfPagesEndAtTheLargestPower() {
        float[] large = {57_344, -57_345, 1e9f, 256, 0};
        E4m3.round(large, 0, 5);
        assertThat(large).containsExactly(57_344, -57_344, 57_344, 256, 0);
        for (float broken : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            float[] row = {1, broken, 2};
            E4m3.round(row, 0, 3);
            assertThat(row).containsOnly(Float.NaN);
        }
    }

    @Test
    void rowsOfTheSmallestNumbersAreZeros() {
        for (float tiny : new float[] {Float.MIN_VALUE, Float.MIN_NORMAL, 1e-37f, Math.nextDown(0x1p-119f)}) {
            ByteBuffer codes = ByteBuffer.allocate(3);
            float scale = E4m3.quantize(new float[] {0, tiny, -tiny / 2}, codes);
            for (byte code : codes.array()) {
                assertThat(E4m3.toFloat(code) * scale).as("beside %s", tiny).isZero();
            }
        }
        ByteBuffer codes = ByteBuffer.allocate(3);
        float scale = E4m3.quantize(new float[] {0, 0x1p-119f, -0x1p-120f}, codes);
        assertThat(E4m3.toFloat(codes.get(1)) * scale).isCloseTo(0x1p-119f, withinPercentage(1));
        assertThat(E4m3.toFloat(codes.get(2)) * scale).isCloseTo(-0x1p-120f, withinPercentage(1));
    }

    @Test
    void whatIsTooLargeIsTheLargest() {
        IntStream.of(448, 463, 464, 465, 480, 10_000)
                .forEach(large -> assertThat(E4m3.of(large)).isEqualTo((byte) 126));
        assertThat(E4m3.of(Float.NEGATIVE_INFINITY)).isEqualTo((byte) (126 | 128));
        assertThat(E4m3.toFloat(E4m3.of(Float.NaN))).isNaN();
    }
}
