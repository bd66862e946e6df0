package nighttrain.io.spec;

import java.util.List;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;

/**
 * Gated delta net (arXiv 2412.06464). Every value head has a state S {@code [keyDim, valueDim]}, which a token decays and corrects towards its value,
 * {@code S = e^g S; S += k ((v - S^T k) beta)^T; o = S^T q}. Queries, keys and values pass a short convolution and SiLU; queries and keys are then
 * normalised to length 1, {@code beta = sigmoid(beta(x))}, {@code g = -e^rate softplus(decay(x) + decayBias)}. The output is normed by head and
 * multiplied by {@code silu(gate(x))}.
 *
 * @param heads heads of queries and keys, and of values
 * @param inputs linear layers applied to a token
 * @param convolution convolution of queries, keys and values side by side
 * @param rate logarithm of each value head's decay rate
 * @param decayBias bias of each value head's decay
 * @param norm norm of each value head's outputs
 * @param output all value heads to hidden
 */
public record GatedDeltaNet(
        Heads heads, Inputs inputs, Convolution convolution, Vector rate, Vector decayBias, Norm norm, Linear output)
        implements Mixer {
    /**
     * Value head h reads query and key head {@code h / (values / keys)}.
     *
     * @param keys query and key heads; divides {@code values}
     * @param values value heads
     * @param keyDim width of a query or key head
     * @param valueDim width of a value head
     */
    public record Heads(int keys, int values, int keyDim, int valueDim) {}

    /**
     * The linear layers applied to a token.
     *
     * @param query hidden to all query heads
     * @param key hidden to all key heads
     * @param value hidden to all value heads
     * @param gate hidden to a factor of every output
     * @param beta hidden to the strength with which a value head's state is corrected
     * @param decay hidden to the decay of a value head's state
     */
    public record Inputs(Linear query, Linear key, Linear value, Linear gate, Linear beta, Linear decay) {}

    @Override
    public List<Parameter> parameters() {
        return List.of(
                inputs.query,
                inputs.key,
                inputs.value,
                inputs.gate,
                inputs.beta,
                inputs.decay,
                convolution,
                rate,
                decayBias,
                norm,
                output);
    }

    @Override
    public String shape() {
        return "gated delta net of " + heads.values + " heads (" + heads.keys + " QK) of "
                + (heads.keyDim == heads.valueDim ? "" + heads.valueDim : heads.keyDim + " x " + heads.valueDim);
    }

    @Override
    public List<String> traits() {
        return List.of("gated delta net");
    }

    /** Returns the elements of the states of all value heads and of the earlier tokens that the convolution still needs. */
    @Override
    public long stateElements(int ranks) {
        return (long) heads.values * heads.keyDim * heads.valueDim
                + (long) convolution.channels() * (convolution.width() - 1);
    }
}
