package nighttrain.jobs.plan;

import java.util.Optional;
import nighttrain.jobs.compare.Layout;

/**
 * A layout that could be chosen for every node.
 *
 * @param layout replicas x ranks
 * @param expected what it would do; empty where it cannot work
 * @param why in words: what makes it fast or slow, or why it cannot work and what would make it
 */
public record Option(Layout layout, Optional<Expected> expected, String why) {
    public boolean works() {
        return expected.isPresent();
    }

    double rate() {
        return expected.map(Expected::totalTokensPerS).orElse(0.0);
    }

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
}
