package nighttrain.io.checkpoint;

/** bf16, the upper half of fp32. */
public final class Bfloat16 {
    /** Bytes of one number. */
    public static final int BYTES = 2;

    private static final int QUIET = 0x40;

    private Bfloat16() {}

    /** Rounds to nearest, ties to even; NaN stays NaN. */
    public static short of(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | QUIET);
        }
        return (short) ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16);
    }

    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }
}
