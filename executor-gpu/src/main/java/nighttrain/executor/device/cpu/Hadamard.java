package nighttrain.executor.device.cpu;

/** Multiplies by a Hadamard matrix, which is orthogonal up to a factor: it spreads a few large numbers evenly over many. */
final class Hadamard {
    private Hadamard() {}

    /**
     * Multiplies every {@code b} of {@code count} numbers with the matrix of that size over {@code sqrt(b)}, by sums and differences of halves;
     * {@code b} is the largest power of two that divides {@code count}.
     */
    static void multiply(float[] x, int from, int count) {
        int size = Integer.lowestOneBit(count);
        for (int half = 1; half < size; half *= 2) {
            for (int i = from; i < from + count; i++) {
                if ((i - from & half) == 0) {
                    float first = x[i];
                    x[i] = first + x[i + half];
                    x[i + half] = first - x[i + half];
                }
            }
        }
        float scale = (float) (1 / Math.sqrt(size));
        for (int i = from; i < from + count; i++) {
            x[i] *= scale;
        }
    }
}
