package nighttrain.executor.device;

import java.util.Optional;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;

/**
 * What a mixture of experts computes beside {@link Ops}, on a rank that has some of the experts. Calls enqueue work in order, together
 * with those of {@code Ops}; how many tokens an expert gets stays on the device.
 *
 * <p>Tokens are gathered by expert: every track's first rows are those of the tokens that chose this rank's first expert, in order of the
 * tokens, then those of its second expert, and so on. Rows behind them belong to no expert and hold nothing.
 */
public interface ExpertOps {
    /**
     * Lets every token of a step choose its experts ({@link Router}).
     *
     * @param logits {@code [tracks, tokens, experts]}, of all ranks' experts
     * @return valid until the next call
     */
    Routing route(Tensor logits, Choice choice);

    /** {@code out[t, r] = x[t, token of row r]}: {@code [tracks, tokens, cols] -> [tracks, tokens * chosen, cols]}. */
    void gather(Tensor out, Tensor x, Routing routing);

    /**
     * {@code out[t, r] = x[t, r] * W^T + b} of row r's expert.
     *
     * @param experts {@code [tracks * experts, outputs, inputs]}, the experts of this rank, of its first track first
     */
    void linear(Tensor out, Tensor x, Matrix experts, Routing routing);

    /**
     * What stands between an expert's products, row by row.
     *
     * @param x gate and up side by side where {@code out} is half as wide, else up alone
     */
    void activate(Tensor out, Tensor x, Activation activation, Routing routing);

    /**
     * What stands before an expert's last product: {@link #gather}, {@link #linear} and {@link #activate}, in fewer kernels where there
     * are such.
     *
     * @param gathered room for tokens by expert
     * @param up room for what is activated
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
     * @param adds to what {@code out} holds
     */
    void combine(Tensor out, Tensor x, Routing routing, boolean adds);

    /** {@code x[t, i] *= sigmoid(gate[t, i, 0])}. */
    void gate(Tensor xInOut, Tensor gate);

    /**
     * How tokens choose, and which of the experts are here.
     *
     * @param correction {@code [tracks, 1, experts]}, where the router has one
     * @param expertScales as {@code correction}
     * @param firstExpert of this rank
     * @param experts of this rank
     */
    record Choice(
            Router router, Optional<Tensor> correction, Optional<Tensor> expertScales, int firstExpert, int experts) {}

    /** What has been routed since the device was opened, to the experts of all ranks, up to the end of the last step that was awaited. */
    Load load();

    /**
     * How evenly tokens choose.
     *
     * @param tokens of all experts
     * @param busiest what these would be if every expert had as many tokens as the busiest one of its call
     */
    record Load(long tokens, long busiest) {
        public static final Load NONE = new Load(0, 0);
    }

    /** Which row of the gathered tokens is whose. A handle: only the device that made it can look inside. */
    interface Routing {}
}
