package nighttrain.io.spec;

import java.util.List;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;

/**
 * Mamba-2 (arXiv 2405.21060). Every head has a state S {@code [stateSize, headDim]} that a token decays and adds to,
 * {@code S = e^(-e^rate t) S + in (t x)^T; y = S^T out + skip x} with {@code t = clamp(softplus(step(h) + stepBias))}. Values x, in (B) and out (C)
 * pass a short convolution and SiLU. The output is multiplied by {@code silu(gate(h))} and then normed, by group.
 *
 * @param heads heads of values, and their groups
 * @param inputs linear layers applied to a token
 * @param convolution convolution of values, {@code in} and {@code out} side by side
 * @param rate logarithm of each head's decay rate
 * @param stepBias bias of each head's time step
 * @param skip factor of each head's value that is added to its output directly
 * @param steps least and greatest time step
 * @param norm norm of all outputs, each group of heads by itself
 * @param output all heads to hidden
 */
public record Mamba2(
        Heads heads,
        Inputs inputs,
        Convolution convolution,
        Vector rate,
        Vector stepBias,
        Vector skip,
        Steps steps,
        Norm norm,
        Linear output)
        implements Mixer {
    /**
     * Heads of values, in groups.
     *
     * @param count number of heads
     * @param dim width of a head
     * @param groups groups of heads, which share {@code in} and {@code out}; divides {@code count}
     * @param stateSize width of {@code in} and {@code out} of one group
     */
    public record Heads(int count, int dim, int groups, int stateSize) {
        /** Returns the outputs of the heads of one group. */
        public int groupValues() {
            return count / groups * dim;
        }
    }

    /**
     * The linear layers applied to a token.
     *
     * @param value hidden to the values of all heads
     * @param in hidden to the vectors by which values enter the states of all groups
     * @param out hidden to the vectors by which the states of all groups are read
     * @param gate hidden to a factor of every output
     * @param step hidden to the length of a head's time step
     */
    public record Inputs(Linear value, Linear in, Linear out, Linear gate, Linear step) {}

    /** The bounds of a time step. */
    public record Steps(double least, double most) {
        /** No bounds. */
        public static final Steps ANY = new Steps(0, Double.POSITIVE_INFINITY);
    }

    @Override
    public List<Parameter> parameters() {
        return List.of(
                inputs.value,
                inputs.in,
                inputs.out,
                inputs.gate,
                inputs.step,
                convolution,
                rate,
                stepBias,
                skip,
                norm,
                output);
    }

    @Override
    public String shape() {
        return "Mamba-2 of " + heads.count + " heads of " + heads.dim + " x " + heads.stateSize;
    }

    @Override
    public List<String> traits() {
        return List.of("Mamba-2");
    }

    /**
     * Returns the elements of the states of all heads and of the earlier tokens that the convolution still needs; those of a group count on every
     * rank with heads of it.
     */
    @Override
    public long stateElements(int ranks) {
        long values = (long) heads.count * heads.dim;
        long channels = values + 2L * Math.max(heads.groups, ranks) * heads.stateSize;
        return values * heads.stateSize + channels * (convolution.width() - 1);
    }
}
