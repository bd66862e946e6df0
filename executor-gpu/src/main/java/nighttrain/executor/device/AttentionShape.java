package nighttrain.executor.device;

/**
 * What one layer's attention looks like on one rank, per track.
 *
 * @param heads query heads
 * @param kvHeads key and value heads; query head h reads key head {@code h / (heads / kvHeads)}
 * @param headDim width of one head
 * @param window how many of the latest positions a token sees, itself included; 0 is all
 * @param scale factor of {@code q k^T} before the softmax
 */
public record AttentionShape(int heads, int kvHeads, int headDim, int window, float scale) {
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

    /** The first position that a token at {@code position} sees. */
    public int firstVisible(int position) {
        return window == 0 ? 0 : Math.max(0, position - window + 1);
    }
}
