package nighttrain.executor.device.cpu;

/** Integers of -127 to 127 times a power of two. */
final class Int8 {
    private static final int MAX = 127;
    /** Of the power: with the largest, numbers of bf16 and 2^64 times them are finite; with the smallest, so are what they are divided by. */
    private static final int LARGEST_POWER = 58;

    private static final int SMALLEST_POWER = -127;

    private Int8() {}

    /**
     * Rounds {@code count} values from {@code from} on to integers times a power of two, the least by which none is larger than 127; at most
     * 2^58, so that larger values than 127 times it become that. If one is infinite or NaN, all become NaN.
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
