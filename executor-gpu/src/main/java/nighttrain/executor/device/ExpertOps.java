package nighttrain.executor.device;

import java.util.Optional;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;

/**
 * The operations of a mixture of experts in addition to {@link Ops}, on a rank that has some of the experts. Calls enqueue work in order, together
 * with calls of {@code Ops}; the number of tokens of each expert stays on the device.
 *
 * <p>Tokens are gathered by expert: every track's first rows are the tokens that chose this rank's first expert, in order of the tokens, then the
 * tokens of its second expert, and so on. Rows behind them belong to no expert and are undefined.
 */
public interface ExpertOps {
    /**
     * Routes every token of a step to its experts ({@link Router}).
     *
     * @param logits {@code [tracks, tokens, experts]}, of all ranks' experts
     * @return valid until the next call
     */
    Routing route(Tensor logits, Choice choice);

    /** {@code out[t, r] = x[t, token of row r]}: {@code [tracks, tokens, cols] -> [tracks, tokens * chosen, cols]}. */
    void gather(Tensor out, Tensor x, Routing routing);

    /**
     * {@code out[t, r] = x[t, r] * W^T + b} with W and b of row r's expert.
     *
     * @param experts {@code [tracks * experts, outputs, inputs]}, the experts of this rank, those of its first track first
     */
    void linear(Tensor out, Tensor x, Matrix experts, Routing routing);

    /**
     * Applies the activation between an expert's matmuls, row by row.
     *
     * @param x gate and up side by side if {@code out} is half as wide, else up alone
     */
    void activate(Tensor out, Tensor x, Activation activation, Routing routing);

    /**
     * Computes an expert up to its last matmul: {@link #gather}, {@link #linear} and {@link #activate}, in fewer kernels if the device has them.
     *
     * @param gathered buffer for tokens by expert
     * @param up buffer for the input of the activation
     */
    default void gatherLinearActivate(
            Tensor out, Tensor gathered, Tensor up, Tensor x, Matrix experts, Activation activation, Routing routing) {
        gather(gathered, x, routing);
        linear(up, gathered, experts, routing);
        activate(out, up, activation, routing);
    }

    /**
     * {@code out[t, i] = sum of weight * x[t, row]} over the experts of this rank that token i chose, in the order of its choice.
     *
     * @param adds whether to add to the values of {@code out} instead of overwriting them
     */
    void combine(Tensor out, Tensor x, Routing routing, boolean adds);

    /** {@code x[t, i] *= sigmoid(gate[t, i, 0])}. */
    void gate(Tensor xInOut, Tensor gate);

    /**
     * How tokens choose experts, and which experts this rank has.
     *
     * @param correction {@code [tracks, 1, experts]}, if the router has one
     * @param expertScales of the shape of {@code correction}, if the router has scales
     * @param firstExpert number of this rank's first expert
     * @param experts number of this rank's experts
     */
    record Choice(
            Router router, Optional<Tensor> correction, Optional<Tensor> expertScales, int firstExpert, int experts) {}

    /** Tokens routed to the experts of all ranks since the device was opened, up to the end of the last step that was awaited. */
    Load load();

    /**
     * How evenly tokens are spread over experts.
     *
     * @param tokens tokens of all experts
     * @param busiest {@code tokens} if every expert had as many as the busiest one of its call
     */
    record Load(long tokens, long busiest) {
        public static final Load NONE = new Load(0, 0);
    }

    /** Maps gathered rows to tokens and experts. A handle: only the device that made it can look inside. */
    interface Routing {}
}
