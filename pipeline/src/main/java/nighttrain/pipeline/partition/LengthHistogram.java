package nighttrain.pipeline.partition;

import java.util.Arrays;

/** A histogram of prompt lengths: the number of prompts and their tokens for each length class. */
final class LengthHistogram {
    /** Number of length classes, enough for any prompt. Prompts whose estimated tokens differ by less than about a fifth share a class. */
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

    /** Returns the mean tokens of a row, at least 1. */
    long meanTokens() {
        return Math.max(1, tokens() / Math.max(1, Arrays.stream(rows).sum()));
    }

    /** Returns the class of a prompt with this many tokens, from 0; longer prompts have higher classes. */
    static int classOf(long tokens) {
        double octaves = Math.log(Math.max(1, tokens)) / Math.log(2);
        return (int) Math.min(CLASSES - 1, Math.round(octaves * CLASSES_PER_OCTAVE));
    }
}
