package nighttrain.pipeline.partition;

import java.util.Arrays;

/** The number and the tokens of prompts of each length class. */
final class LengthHistogram {
    /** Prompts whose estimated tokens are within a fifth of each other are of one class. No prompt needs more classes than this. */
    static final int CLASSES = 128;

    private static final int CLASSES_PER_OCTAVE = 4;

    private final long[] rows = new long[CLASSES];
    private final long[] tokens = new long[CLASSES];

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

    /** Of a row, at least 1. */
    long meanTokens() {
        return Math.max(1, tokens() / Math.max(1, Arrays.stream(rows).sum()));
    }

    /** The class of a prompt of that many tokens, from 0; longer prompts have higher ones. */
    static int classOf(long tokens) {
        double octaves = Math.log(Math.max(1, tokens)) / Math.log(2);
        return (int) Math.min(CLASSES - 1, Math.round(octaves * CLASSES_PER_OCTAVE));
    }
}
