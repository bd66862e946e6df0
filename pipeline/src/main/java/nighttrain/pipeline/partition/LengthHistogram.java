package nighttrain.pipeline.partition;

import java.util.Arrays;

/** How many prompts there are of each length, and what they come to; says nothing of any single one. */
final class LengthHistogram {
    private final long[] rows = new long[LengthClass.COUNT];
    private final long[] tokens = new long[LengthClass.COUNT];

    void add(int lengthClass, long moreRows, long moreTokens) {
        rows[lengthClass] += moreRows;
        tokens[lengthClass] += moreTokens;
    }

    long rows(int lengthClass) {
        return rows[lengthClass];
    }

    long tokens(int lengthClass) {
        return tokens[lengthClass];
    }

    long tokens() {
        return Arrays.stream(tokens).sum();
    }
}
