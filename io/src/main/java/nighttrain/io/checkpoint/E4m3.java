package nighttrain.io.checkpoint;

import java.nio.ByteBuffer;

/** FP8 E4M3 numbers (arXiv 2209.05433): a sign, 4 bits of exponent, 3 of mantissa; at most 448, no infinities. */
public final class E4m3 {
    /** The largest number. */
    public static final float MAX = 448;

    /** The smallest power of two {@code p} for which {@code MAX / p} is finite. */
    private static final float SMALLEST_MOST = 0x1p-119f;

    private static final byte MAX_CODE = 0x7e;
    private static final int NAN_CODE = 0x7f;
    private static final float SMALLEST_NORMAL = 0x1p-6f;
    private static final float SUBNORMAL_STEPS = 0x1p9f;

    private static final float[] VALUES = new float[256];

    static {
        for (int code = 0; code < VALUES.length; code++) {
            VALUES[code] = value(code);
        }
    }

    private E4m3() {}

    private static float value(int code) {
        int exponent = code >>> 3 & 0xf;
        int mantissa = code & 7;
        float magnitude = (code & NAN_CODE) == NAN_CODE
                ? Float.NaN
                : exponent == 0 ? mantissa / SUBNORMAL_STEPS : Math.scalb(1 + mantissa / 8f, exponent - 7);
        return code >= 128 ? -magnitude : magnitude;
    }

    /**
     * Writes {@code values} times {@code MAX / max|values|} to {@code target}, and returns the scale that undoes the factor. Zeros have the scale 0.
     * Rows whose factor would not be finite count as zeros.
     */
    public static float quantize(float[] values, ByteBuffer target) {
        float most = Float.intBitsToFloat(mostBits(values, 0, values.length));
        float factor = most < SMALLEST_MOST ? 0 : MAX / most;
        byte[] codes = new byte[values.length];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = of(values[i] * factor);
        }
        target.put(codes);
        return most / MAX;
    }

    /**
     * Rounds {@code count} values from {@code from} on to e4m3 numbers times the least power of two that keeps all of them up to {@link #MAX}. The
     * power is at most 2^7, so values above 57,344 become 57,344. If one value is infinite or NaN, all become NaN.
     */
    public static void round(float[] values, int from, int count) {
        int most = mostBits(values, from, count);
        int power = Math.min(Math.max(Math.getExponent(Float.intBitsToFloat(most)) - 8, -120), 7);
        if (power < 7 && Float.intBitsToFloat(most) > Math.scalb(MAX, power)) {
            power++;
        }
        float scale = Math.scalb(1f, power);
        boolean finite = Float.isFinite(Float.intBitsToFloat(most));
        for (int i = from; i < from + count; i++) {
            values[i] = finite ? toFloat(of(values[i] / scale)) * scale : Float.NaN;
        }
    }

    /** Returns the bits of the largest magnitude, by integer maxima, which compilers vectorise; NaN counts as the largest. */
    private static int mostBits(float[] values, int from, int count) {
        int most = 0;
        for (int i = from; i < from + count; i++) {
            most = Math.max(most, Float.floatToRawIntBits(values[i]) & Integer.MAX_VALUE);
        }
        return most;
    }

    public static float toFloat(byte code) {
        return VALUES[code & 0xff];
    }

    /** Rounds to nearest, ties to even; values above {@link #MAX} and infinities become MAX; NaN stays NaN. */
    public static byte of(float value) {
        if (Float.isNaN(value)) {
            return NAN_CODE;
        }
        int sign = Float.floatToRawIntBits(value) >>> 24 & 0x80;
        float magnitude = Math.abs(value);
        int code;
        if (magnitude >= MAX) {
            code = MAX_CODE;
        } else if (magnitude < SMALLEST_NORMAL) {
            code = (int) Math.rint(magnitude * SUBNORMAL_STEPS); // 8 is the smallest normal number
        } else {
            int bits = Float.floatToRawIntBits(magnitude);
            int rounded = bits + 0x7ffff + (bits >>> 20 & 1);
            code = Math.min((rounded >>> 20) - ((127 - 7) << 3), MAX_CODE);
        }
        return (byte) (sign | code);
    }
}
