package nighttrain.jobs.plan;

/**
 * What a layout is expected to do on one node.
 *
 * @param outputTokensPerS while generating
 * @param totalTokensPerS prompts included
 * @param rowsPerS of a node whose engine is full
 * @param nodeS seconds of generating that one node's even share of the rows takes
 * @param communicationShare of that time, in which ranks wait for all-reduces, 0 to 1
 * @param runningSequences that the KV cache holds at a time, {@code maxNumSeqs} at most, of one replica
 * @param bytesPerDevice that the engine fills, keys and values included; 0 where that was not asked
 */
public record Expected(
        double outputTokensPerS,
        double totalTokensPerS,
        double rowsPerS,
        double nodeS,
        double communicationShare,
        long runningSequences,
        long bytesPerDevice) {}
