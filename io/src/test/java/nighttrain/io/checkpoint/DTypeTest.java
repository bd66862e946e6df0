package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class DTypeTest {
    private static float[] widenEveryPattern(DType dtype) {
        ByteBuffer bytes = SafetensorsFile.buffer(1 << 17);
        for (int pattern = 0; pattern < 1 << 16; pattern++) {
            bytes.putShort((short) pattern);
        }
        float[] values = new float[(1 << 16) + 1];
        dtype.widen(bytes.flip(), values, 1, 1 << 16);
        return values;
    }

    /** IEEE 754-2008, binary16, by its definition in real numbers. */
    private static double half(int pattern) {
        int exponent = pattern >> 10 & 31;
        int fraction = pattern & 1023;
        double sign = pattern >> 15 == 0 ? 1 : -1;
        if (exponent == 31) {
            return fraction == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
        }
        return exponent == 0
                ? sign * fraction * Math.pow(2, -24)
                : sign * (1024 + fraction) * Math.pow(2, exponent - 25);
    }

    @Test
    void everyHalf() {
        float[] values = widenEveryPattern(DType.F16);
        float[] expected = new float[values.length];
        for (int pattern = 0; pattern < 1 << 16; pattern++) {
            expected[1 + pattern] = (float) half(pattern);
        }
        assertThat(values).isEqualTo(expected);
    }

    @Test
    void everyBfloat() {
        float[] values = widenEveryPattern(DType.BF16);
        float[] expected = new float[values.length];
        for (int pattern = 0; pattern < 1 << 16; pattern++) {
            expected[1 + pattern] = Float.intBitsToFloat(pattern << 16);
        }
        assertThat(values).isEqualTo(expected);
    }
}
