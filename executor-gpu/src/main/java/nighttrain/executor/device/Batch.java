package nighttrain.executor.device;

import java.util.List;

/**
 * The inputs of one step: tokens of several sequences, laid end to end, some a single token (decode), some a piece of a
 * prompt (prefill).
 *
 * @param tokens token ids, {@code [tokens]}
 * @param positions each token's position in its own sequence, {@code [tokens]}
 * @param queryStarts where each sequence's tokens begin, and the end of the last, {@code [sequences + 1]}
 * @param pageTables each sequence's pages of the KV cache in order of position, {@code [sequences][at least needed]}
 * @param outputRows the tokens whose logits are wanted, ascending, {@code [draws]}
 * @param draws how to draw the token after each of these
 */
public record Batch(
        int[] tokens, int[] positions, int[] queryStarts, int[][] pageTables, int[] outputRows, List<Draw> draws) {
    /** Tokens in all. */
    public int size() {
        return tokens.length;
    }

    /** Sequences in all. */
    public int sequences() {
        return pageTables.length;
    }
}
