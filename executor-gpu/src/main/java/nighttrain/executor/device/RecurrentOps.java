package nighttrain.executor.device;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.io.spec.StateFormat;

/**
 * The operations of recurrent mixers in addition to {@link Ops}: states of a fixed size, and gates of mixers' outputs. A sequence's state is in its
 * slot. If the sequence begins with the step, its state is empty, whatever the slot holds.
 */
public interface RecurrentOps {
    /**
     * Allocates the states of one layer.
     *
     * @param slots slots of a track
     * @param elements elements of a slot
     * @param format number format of states between tokens, or between steps if a device takes several tokens at once; the operations compute in fp32
     */
    States states(String role, int tracks, int slots, int elements, StateFormat format);

    /** Copies states between slots. No slot that one copy writes is read or written by another copy. Not for use in captured graphs. */
    void copy(List<SlotCopy> copies);

    /**
     * Convolves as many of the first columns of {@code x} as there are channels: {@code x[t] = silu(bias + sum over j < width of weights[j] x[t -
     * width + 1 + j])}, within a sequence and with 0 before its first token.
     *
     * @param latest {@code [width - 1, channels]} of every sequence: the columns' inputs of its latest tokens
     */
    void convolve(Tensor xInOut, Convolution convolution, States latest);

    /**
     * Gated delta rule (arXiv 2412.06464): queries and keys are normed to length 1, queries are then divided by {@code sqrt(keyDim)}; for every token
     * of a sequence and every value head {@code S = e^g S; S += k ((v - S^T k) sigmoid(b))^T; out = S^T q} with {@code g = -rate softplus(a + bias)}.
     *
     * @param out {@code [tracks, tokens, valueCols]}
     * @param qkv {@code [tracks, tokens, at least 2 keyCols + valueCols]}: queries, keys and values side by side
     * @param betaDecay {@code [tracks, tokens, 2 valueHeads]}: b and a side by side
     * @param states {@code [valueHeads, keyDim, valueDim]} of every sequence: S
     */
    void gatedDelta(Tensor out, Tensor qkv, Tensor betaDecay, DeltaShape shape, Decay decay, States states);

    /**
     * Mamba-2 (arXiv 2405.21060): for every token of a sequence and every head {@code S = e^(-rate t) S + B (t x)^T; out = S^T C + skip x} with
     * {@code t} the softplus of step + bias, within the shape's bounds.
     *
     * @param out {@code [tracks, tokens, valueCols]}
     * @param projected {@code [tracks, tokens, stepCol + heads]}: x of all heads, B of all groups, C of all groups; gates; steps
     * @param skip {@code [tracks, 1, heads]}
     * @param states {@code [heads, stateSize, headDim]} of every sequence: S
     */
    void selectiveScan(Tensor out, Tensor projected, ScanShape shape, Decay decay, Tensor skip, States states);

    /**
     * Gated linear attention (arXiv 2312.06635): for every token of a sequence and every head {@code S = diag(e^g) S + k v^T; out = S^T q /
     * sqrt(keyDim)} with {@code g = max(logsigmoid(a) / divisor, least)} for every row of S.
     *
     * @param out {@code [tracks, tokens, valueCols]}
     * @param qkv {@code [tracks, tokens, at least 2 keyCols + valueCols]}: queries, keys and values side by side
     * @param decays {@code [tracks, tokens, keyCols]}: a
     * @param states {@code [heads, keyDim, valueDim]} of every sequence: S
     */
    void gatedLinear(Tensor out, Tensor qkv, Tensor decays, LinearShape shape, States states);

    /**
     * For every head, which is as wide as the norm: {@code x = norm(x) * silu(gate)}.
     *
     * @param gates gates of the shape of {@code x}, from column {@code firstCol} on
     */
    void normAndGate(Tensor xInOut, Norm norm, Tensor gates, int firstCol);

    /**
     * {@code x = norm(x * silu(gate))}, normed separately in each of {@code groups} groups of columns; the norm has a weight for every column.
     *
     * @param gates gates of the shape of {@code x}, from column {@code firstCol} on
     */
    void gateAndNorm(Tensor xInOut, Norm norm, int groups, Tensor gates, int firstCol);

    /**
     * {@code sums[group] = sum of (x * silu(gate))^2} over the columns, and 0 for every other group: this rank's part of the squares that {@link
     * #gateAndNorm(Tensor, Norm, GroupSquares, Tensor, int)} needs.
     *
     * @param sumsOut {@code [tracks, tokens, groups]}, in fp32 as logits are
     * @param group the group that the columns of {@code x} belong to
     * @param gates gates of the shape of {@code x}, from column {@code firstCol} on
     */
    void gatedSquares(Tensor sumsOut, int group, Tensor x, Tensor gates, int firstCol);

    /** As {@link #gateAndNorm(Tensor, Norm, int, Tensor, int)}, for some columns of one group, with squares summed over all columns of the group. */
    void gateAndNorm(Tensor xInOut, Norm norm, GroupSquares squares, Tensor gates, int firstCol);

    /**
     * {@code x *= sigmoid(gate)}.
     *
     * @param gates gates of the shape of {@code x}, from column {@code firstCol} on
     */
    void gate(Tensor xInOut, Tensor gates, int firstCol);

    /** The states of one layer on one rank: a fixed number of slots of a fixed size. A handle. */
    interface States {}

    /**
     * Squares of gated outputs, summed over the columns of each group.
     *
     * @param sums {@code [tracks, tokens, groups]}
     * @param group number of the group among the sums
     * @param cols columns of a group, on all ranks
     */
    record GroupSquares(Tensor sums, int group, int cols) {}

    /**
     * A causal convolution of each channel separately.
     *
     * @param weights {@code [tracks, width, channels]}
     * @param bias {@code [tracks, 1, channels]}
     */
    record Convolution(Tensor weights, Optional<Tensor> bias) {}

    /**
     * How fast states of heads decay.
     *
     * @param rate {@code [tracks, 1, heads]}
     * @param bias {@code [tracks, 1, heads]}
     */
    record Decay(Tensor rate, Tensor bias) {}

    /**
     * The shape of one layer's delta net on one rank, per track.
     *
     * @param keyHeads number of query heads, and of key heads
     * @param valueHeads number of value heads; value head h reads query and key head {@code h / (valueHeads / keyHeads)}
     */
    record DeltaShape(int keyHeads, int valueHeads, int keyDim, int valueDim) {
        /** Columns of all query heads, and of all key heads. */
        public int keyCols() {
            return keyHeads * keyDim;
        }

        /** Columns of all value heads. */
        public int valueCols() {
            return valueHeads * valueDim;
        }

        /** Columns of queries, keys and values side by side. */
        public int qkvCols() {
            return 2 * keyCols() + valueCols();
        }
    }

    /**
     * The shape of one layer of gated linear attention on one rank, per track.
     *
     * @param heads heads of queries, keys and values
     * @param divisor divisor of a decay's logarithm
     * @param least lower bound of the logarithm
     */
    record LinearShape(int heads, int keyDim, int valueDim, float divisor, float least) {
        /** Columns of all queries, and of all keys. */
        public int keyCols() {
            return heads * keyDim;
        }

        /** Columns of all values. */
        public int valueCols() {
            return heads * valueDim;
        }

        /** Columns of queries, keys and values side by side. */
        public int qkvCols() {
            return 2 * keyCols() + valueCols();
        }
    }

    /**
     * The shape of one Mamba-2 layer on one rank, per track.
     *
     * @param groups number of groups; head h reads B and C of group {@code h / (heads / groups)}
     * @param leastStep lower bound of the time step
     * @param mostStep upper bound of the time step
     */
    record ScanShape(int heads, int headDim, int groups, int stateSize, float leastStep, float mostStep) {
        /** Columns of the values, gates or outputs of all heads. */
        public int valueCols() {
            return heads * headDim;
        }

        /** Columns of B of all groups, and of C of all groups. */
        public int groupCols() {
            return groups * stateSize;
        }

        /** Columns of values, B and C side by side. */
        public int convolvedCols() {
            return valueCols() + 2 * groupCols();
        }

        /** The first column of steps, behind the gates. */
        public int stepCol() {
            return convolvedCols() + valueCols();
        }
    }
}
