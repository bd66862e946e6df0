package nighttrain.executor.device.cpu;

/**
 * Sums whose order, and so whose bits, depend neither on how wide the machine's vectors are nor on whether the code is compiled: {@link #CHAINS} sums
 * of every 16th number, then a tree over them. {@code reduceLanes} guarantees no order.
 */
final class FixedSums {
    static final int CHAINS = 16;

    private FixedSums() {}

    /** {@code x[from] + ... + x[from + count - 1]}; {@code count} is a multiple of {@link #CHAINS}. */
    static float of(float[] x, int from, int count) {
        float[] chains = new float[CHAINS];
        for (int i = from; i < from + count; i += CHAINS) {
            for (int c = 0; c < CHAINS; c++) {
                chains[c] += x[i + c];
            }
        }
        return tree(chains);
    }

    /** {@code x[from]^2 + ... + x[from + count - 1]^2}. */
    static float ofSquares(float[] x, int from, int count) {
        float[] chains = new float[CHAINS];
        int whole = count / CHAINS * CHAINS;
        for (int i = from; i < from + whole; i += CHAINS) {
            for (int c = 0; c < CHAINS; c++) {
                chains[c] = Math.fma(x[i + c], x[i + c], chains[c]);
            }
        }
        for (int i = from + whole; i < from + count; i++) {
            chains[i - from - whole] = Math.fma(x[i], x[i], chains[i - from - whole]);
        }
        return tree(chains);
    }

    /** Returns the sum of all chains: adds the upper half to the lower half until one is left. */
    static float tree(float[] chains) {
        for (int half = CHAINS / 2; half > 0; half /= 2) {
            for (int c = 0; c < half; c++) {
                chains[c] += chains[c + half];
            }
        }
        return chains[0];
    }
}
