package nighttrain.executor.device.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums whose order, and so whose bits, depend neither on how wide the machine's vectors are nor on whether the code is compiled:
 * {@link #CHAINS} sums of every 16th number, then a tree over them. {@code reduceLanes} promises no order.
 */
final class FixedSums {
    static final int CHAINS = 16;

    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    private FixedSums() {}

    /** {@code x[from] + ... + x[from + count - 1]}; {@code count} is a multiple of {@link #CHAINS}. */
    static float of(float[] x, int from, int count) {
        float[] chains = new float[CHAINS];
        if (LANES * 2 == CHAINS) {
            FloatVector low = FloatVector.zero(SPECIES);
            FloatVector high = FloatVector.zero(SPECIES);
            for (int i = from; i < from + count; i += CHAINS) {
                low = low.add(FloatVector.fromArray(SPECIES, x, i));
                high = high.add(FloatVector.fromArray(SPECIES, x, i + LANES));
            }
            low.intoArray(chains, 0);
            high.intoArray(chains, LANES);
        } else {
            for (int i = from; i < from + count; i += CHAINS) {
                for (int c = 0; c < CHAINS; c++) {
                    chains[c] += x[i + c];
                }
            }
        }
        return tree(chains);
    }

    /** {@code x[from]^2 + ... + x[from + count - 1]^2}. */
    static float ofSquares(float[] x, int from, int count) {
        float[] chains = new float[CHAINS];
        int whole = count / CHAINS * CHAINS;
        if (LANES * 2 == CHAINS) {
            FloatVector low = FloatVector.zero(SPECIES);
            FloatVector high = FloatVector.zero(SPECIES);
            for (int i = from; i < from + whole; i += CHAINS) {
                FloatVector v = FloatVector.fromArray(SPECIES, x, i);
                low = v.fma(v, low);
                v = FloatVector.fromArray(SPECIES, x, i + LANES);
                high = v.fma(v, high);
            }
            low.intoArray(chains, 0);
            high.intoArray(chains, LANES);
        } else {
            for (int i = from; i < from + whole; i += CHAINS) {
                for (int c = 0; c < CHAINS; c++) {
                    chains[c] = Math.fma(x[i + c], x[i + c], chains[c]);
                }
            }
        }
        for (int i = from + whole; i < from + count; i++) {
            chains[i - from - whole] = Math.fma(x[i], x[i], chains[i - from - whole]);
        }
        return tree(chains);
    }

    private static float tree(float[] chains) {
        for (int half = CHAINS / 2; half > 0; half /= 2) {
            for (int c = 0; c < half; c++) {
                chains[c] += chains[c + half];
            }
        }
        return chains[0];
    }
}
