package nighttrain.io.spec;

import java.util.List;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;

/**
 * Mamba-2 (arXiv 2405.21060): of every head a state S {@code [stateSize, headDim]} that a token decays and adds to, {@code S = e^(-e^rate t) S +
 * in (t x)^T; y = S^T out + skip x} with {@code t = clamp(softplus(step(h) + stepBias))}. Values x, in (B) and out (C) pass a short
 * convolution and SiLU. The output is multiplied by {@code silu(gate(h))} and then normed, by group.
 *
 * @param heads of values, and their groups
 * @param inputs what is made of a token
 * @param convolution of values, {@code in} and {@code out} side by side
 * @param rate of a head's decay, as its logarithm
 * @param stepBias of a head
 * @param skip of a head: how much of its value passes by its state
 * @param steps the least and the most that a step may be
 * @param norm of all outputs, each group of heads by itself
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
     * @param count of values
     * @param dim width of a head
     * @param groups of heads, which share {@code in} and {@code out}; divides {@code count}
     * @param stateSize width of {@code in} and {@code out} of one group
     */
    public record Heads(int count, int dim, int groups, int stateSize) {
        /** Outputs of the heads of one group. */
        public int groupValues() {
            return count / groups * dim;
        }
    }

    /**
     * What is made of a token.
     *
     * @param value hidden to the values of all heads
     * @param in hidden to how values enter the states of all groups
     * @param out hidden to how the states of all groups are read
     * @param gate hidden to a factor of every output
     * @param step hidden to the length of a head's time step
     */
    public record Inputs(Linear value, Linear in, Linear out, Linear gate, Linear step) {}

    /** The bounds of a time step. */
    public record Steps(double least, double most) {
        /** None. */
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

    /** The states of all heads, and the tokens that the convolution still sees: of a group on every rank that has heads of it. */
    @Override
    public long stateElements(int ranks) {
        long values = (long) heads.count * heads.dim;
        long channels = values + 2L * Math.max(heads.groups, ranks) * heads.stateSize;
        return values * heads.stateSize + channels * (convolution.width() - 1);
    }
}
