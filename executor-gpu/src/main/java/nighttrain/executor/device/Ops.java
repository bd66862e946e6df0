package nighttrain.executor.device;

import java.util.Optional;

/**
 * The operations of a forward pass on one rank, for the batch that {@link StepIo#begin} was given. Calls enqueue work in order; none returns a value
 * that the host may branch on.
 */
public interface Ops {
    /** {@code out[t, i] = table[tokens[i]]} for every track t. */
    void embed(Tensor out, Tensor table);

    /** {@code x[t, i] += table[positions[i]]} for every track t: learned positions. */
    void addPositions(Tensor xInOut, Tensor table);

    /**
     * For every row: {@code out = x / sqrt(mean(x^2) + epsilon) * weight} (RMSNorm, arXiv 1910.07467), or if the norm has a bias {@code out = (x -
     * mean) / sqrt(variance + epsilon) * weight + bias} (LayerNorm, arXiv 1607.06450).
     */
    void norm(Tensor out, Tensor x, Norm norm);

    /** Norms in place as many columns from {@code firstCol} on as the norm has weights: queries or keys, over all their heads at once (OLMo 2). */
    void normColumns(Tensor xInOut, int firstCol, Norm norm);

    /** {@code x += y}. */
    void add(Tensor xInOut, Tensor y);

    /** {@code x += y; out = norm(x)}: the beginning of every block, in one kernel if the device has one. */
    default void addNorm(Tensor out, Tensor xInOut, Tensor y, Norm norm) {
        add(xInOut, y);
        norm(out, xInOut, norm);
    }

    /**
     * {@code out[t] = x[t] * weights[t]^T + bias[t]}: {@code [tracks, rows, inputs] -> [tracks, rows, outputs]}. For weights in 8 bits, every row of
     * {@code x} is rounded to e4m3 times the scale that makes its largest magnitude {@link nighttrain.io.checkpoint.E4m3#MAX}.
     */
    void linear(Tensor out, Tensor x, Matrix weights);

    /**
     * Prepares queries and stores keys and values: optional RMSNorm per head, rotary embedding by each token's position (arXiv 2104.09864) of the
     * dimensions that {@code rotation} covers, scaling of queries if it has scales, and rounding of keys and values to the format of their pages. For
     * pages of integers, queries and keys are first multiplied with a Hadamard matrix, which does not change their dot products.
     *
     * @param qkv {@code [tracks, tokens, qkvCols]}; its query columns are replaced, its key and value columns are undefined afterwards; more columns
     *     may follow
     * @param keyOffset subtracted from all keys of a head before they are stored, {@code [tracks, 1, kvCols]}; it does not change a softmax without
     *     sinks
     */
    void ropeAndWriteKv(
            Tensor qkv,
            KvPages pages,
            AttentionShape shape,
            Rotation rotation,
            Optional<HeadNorms> norms,
            Optional<Tensor> keyOffset);

    /**
     * Causal attention of every token to its own sequence's pages, {@code softmax(scale * q k^T) v}.
     *
     * @param out {@code [tracks, tokens, queryCols]}
     * @param qkv as {@link #ropeAndWriteKv} left it
     * @param sinks {@code [tracks, 1, heads]}, one score per head that the softmax counts in addition to the scores of keys, without a value
     */
    void attention(Tensor out, Tensor qkv, KvPages pages, AttentionShape shape, Optional<Tensor> sinks);

    /** As {@link #attention(Tensor, Tensor, KvPages, AttentionShape, Optional)}, without sinks. */
    default void attention(Tensor out, Tensor qkv, KvPages pages, AttentionShape shape) {
        attention(out, qkv, pages, shape, Optional.empty());
    }

    /** {@code out = silu(gate) * up}; {@code gateUp} holds gate and up side by side (SwiGLU, arXiv 2002.05202). */
    void siluMul(Tensor out, Tensor gateUp);

    /**
     * {@code out = silu(gate) * up} of {@code [gate, up] = x[t] * weights[t]^T + bias[t]}: the first half of a gated MLP, in one kernel if the device
     * has one.
     *
     * @param gateUp buffer for gate and up, which the one kernel does not need
     */
    default void linearSiluMul(Tensor out, Tensor gateUp, Tensor x, Matrix weights) {
        linear(gateUp, x, weights);
        siluMul(out, gateUp);
    }

    /** {@code x = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))} (GELU, arXiv 1606.08415, tanh form). */
    void gelu(Tensor xInOut);

    /** {@code out = gelu(gate) * up}, as {@link #gelu}; {@code gateUp} holds gate and up side by side (GeGLU, arXiv 2002.05202). */
    void geluMul(Tensor out, Tensor gateUp);

    /** {@code out = factor * x}. */
    void scale(Tensor out, Tensor x, float factor);

    /** {@code x = cap * tanh(x / cap)} of logits, which limits them to {@code cap} in magnitude (Gemma 2). */
    void softCap(Tensor logitsInOut, float cap);

    /** {@code out[t, i] = x[t, outputRows[i]]} for every track t. */
    void gatherOutputRows(Tensor out, Tensor x);

    /** The norms on queries and on keys, over {@code headDim} each (Qwen 3). */
    record HeadNorms(Norm query, Norm key) {}

    /**
     * A norm over a row: RMSNorm, or LayerNorm if there is a bias.
     *
     * @param weight {@code [tracks, 1, cols]}
     * @param bias {@code [tracks, 1, cols]}; present for LayerNorm
     * @param epsilon added to the mean square, or to the variance
     */
    record Norm(Tensor weight, Optional<Tensor> bias, float epsilon) {}

    /**
     * Cosines and sines of rotary position embedding, {@code [1, positions, dims / 2]} each. Column i turns the pair {@code (x[i], x[i + dims / 2])}
     * of a head; dimensions from {@code dims} on do not turn; without columns, none turns.
     *
     * @param queryScale factor of queries by position, {@code [1, positions, 1]}; none if it is always 1
     */
    record Rotation(Tensor cos, Tensor sin, Optional<Tensor> queryScale) {}

    /**
     * The shape of one layer's attention on one rank, per track.
     *
     * @param heads query heads
     * @param kvHeads key and value heads; query head h reads key head {@code h / (heads / kvHeads)}
     * @param headDim width of one head
     * @param window how many of the latest positions a token sees, itself included; 0 is all
     * @param scale factor of {@code q k^T} before the softmax
     */
    record AttentionShape(int heads, int kvHeads, int headDim, int window, float scale) {
        /** With the usual scale, {@code 1 / sqrt(headDim)}. */
        public AttentionShape(int heads, int kvHeads, int headDim, int window) {
            this(heads, kvHeads, headDim, window, (float) (1 / Math.sqrt(headDim)));
        }

        /** Columns of all query heads. */
        public int queryCols() {
            return heads * headDim;
        }

        /** Columns of all key heads, and of all value heads. */
        public int kvCols() {
            return kvHeads * headDim;
        }

        /** Columns of queries, keys and values side by side. */
        public int qkvCols() {
            return queryCols() + 2 * kvCols();
        }

        /** Returns the first position that a token at {@code position} sees. */
        public int firstVisible(int position) {
            return window == 0 ? 0 : Math.max(0, position - window + 1);
        }
    }

    /** The keys and values of one layer on one rank: a fixed number of pages of a fixed number of tokens. A handle. */
    interface KvPages {}
}
