package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;

/**
 * Gated linear attention (arXiv 2312.06635). Every head has a state S {@code [keyDim, valueDim]}; a token decays each of its rows by its own factor
 * before it adds to them, {@code S = diag(e^g) S + k v^T; o = S^T q / sqrt(keyDim)} with {@code g = max(logsigmoid(decay(x)) / divisor, least)}. The
 * output is normed by head and multiplied by {@code silu(gate(x))}.
 *
 * @param heads heads of queries, keys and values
 * @param keyDim width of a query or key head
 * @param valueDim width of a value head
 * @param query hidden to all query heads
 * @param key hidden to all key heads
 * @param value hidden to all value heads
 * @param gate hidden to a factor of every output
 * @param decay hidden to the decay of every row of a state
 * @param convolutions convolutions of queries, of keys and of values, each followed by SiLU; none where they are used directly
 * @param norm norm of a head's outputs
 * @param output all heads to hidden
 */
public record GatedLinearAttention(
        int heads,
        int keyDim,
        int valueDim,
        Linear query,
        Linear key,
        Linear value,
        Linear gate,
        Decay decay,
        List<Convolution> convolutions,
        Norm norm,
        Linear output)
        implements Mixer {
    /**
     * The logarithm of a decay, {@code max(logsigmoid(up(down(x))) / divisor, least)}.
     *
     * @param down hidden to a few intermediate numbers
     * @param up the intermediate numbers to one number for every column of the keys
     * @param divisor divisor of the logarithm
     * @param least lower bound of the logarithm; none where it is unbounded
     */
    public record Decay(Linear down, Linear up, double divisor, Optional<Double> least) {}

    public GatedLinearAttention {
        convolutions = List.copyOf(convolutions);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> parameters =
                new ArrayList<>(List.of(query, key, value, gate, decay.down, decay.up, norm, output));
        parameters.addAll(convolutions);
        return parameters;
    }

    @Override
    public String shape() {
        return "gated linear attention of " + heads + " heads of "
                + (keyDim == valueDim ? "" + valueDim : keyDim + " x " + valueDim);
    }

    @Override
    public List<String> traits() {
        return List.of("gated linear attention");
    }

    /** Returns the elements of the states of all heads and of the earlier tokens that convolutions still need. */
    @Override
    public long stateElements(int ranks) {
        return (long) heads * keyDim * valueDim
                + convolutions.stream()
                        .mapToLong(one -> (long) one.channels() * (one.width() - 1))
                        .sum();
    }
}
