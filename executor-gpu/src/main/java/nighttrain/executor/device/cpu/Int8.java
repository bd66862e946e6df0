package nighttrain.executor.device.cpu;

/** Integers of -127 to 127 times a power of two. */
final class Int8 {
    private static final int MAX = 127;
    /**
     * Largest exponent of the power of two: with it, results are finite in bf16, and so are 2^64 times them. With the smallest, divisors are finite.
     */
    private static final int LARGEST_POWER = 58;

    private static final int SMALLEST_POWER = -127;

    private Int8() {}

    /**
     * Rounds {@code count} values from {@code from} on to integers times one power of two: the smallest for which no integer is larger than 127, and
     * at most 2^58; values above 127 times 2^58 become 127 times 2^58. If a value is infinite or NaN, all become NaN.
     */
    static void round(float[] values, int from, int count) {
        float most = 0;
        for (int i = from; i < from + count; i++) {
            most = Math.max(most, Math.abs(values[i])); // NaN is the largest
        }
        int power = Math.getExponent(most) - 6;
        if (most > Math.scalb((float) MAX, power)) {
            power++;
        }
        float scale = Math.scalb(1f, Math.min(Math.max(power, SMALLEST_POWER), LARGEST_POWER));
        boolean finite = Float.isFinite(most);
        for (int i = from; i < from + count; i++) {
            double rounded = Math.rint(values[i] / scale);
            values[i] = finite ? (float) Math.min(Math.max(rounded, -MAX), MAX) * scale : Float.NaN;
        }
    }
}
