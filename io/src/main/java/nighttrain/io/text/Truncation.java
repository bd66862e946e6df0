package nighttrain.io.text;

import java.util.Arrays;

/** The treatment of a prompt that is longer than allowed. */
public enum Truncation {
    /** The prompt is not cut; the engine refuses it. */
    NONE,
    /** The beginning is cut off, the end stays. */
    LEFT,
    /** The end is cut off, the beginning stays. */
    RIGHT;

    /** Returns at most {@code maxTokens} of {@code ids}; the same array where nothing is cut. */
    public int[] apply(int[] ids, int maxTokens) {
        if (maxTokens < 0) {
            throw new IllegalArgumentException("maxTokens: " + maxTokens + " (at least 0)");
        }
        if (this == NONE || ids.length <= maxTokens) {
            return ids;
        }
        int from = this == LEFT ? ids.length - maxTokens : 0;
        return Arrays.copyOfRange(ids, from, from + maxTokens);
    }
}
