package nighttrain.executor.schedule;

import java.util.Arrays;

/**
 * Computes the most tokens of cache that running sequences will hold at one time, if each grows by a token per step and gives all of them back at its
 * end (the past-future scheduler, ASPLOS 2025). Sequences that end early make room for the others' growth, so this is less than the sum of the final
 * lengths.
 */
final class FutureTokens {
    /**
     * One entry per sequence, ascending once sorted. The upper half holds the steps until it ends, the lower half its tokens at the end less these
     * steps.
     */
    private long[] endings;

    private int size;

    FutureTokens(int sequences) {
        endings = new long[sequences];
    }

    /**
     * Adds a sequence.
     *
     * @param steps steps until it ends
     * @param last tokens of cache that it alone holds at its end, a whole number of pages
     */
    void add(int steps, int last) {
        if (size == endings.length) {
            endings = Arrays.copyOf(endings, 2 * size + 8);
        }
        endings[size++] = packed(steps, last);
    }

    /** Returns the most tokens held at one time, with one more sequence. {@link #sort} must have been called. */
    long peakWith(int steps, int last) {
        long peak = 0;
        long tokens = (long) last - steps;
        int sequences = 1;
        int i = size;
        for (; i > 0 && stepsOf(i - 1) >= steps; i--) {
            peak = Math.max(peak, peakAt(i - 1, tokens - (last - steps), sequences - 1));
            tokens += baseOf(i - 1);
            sequences++;
        }
        peak = Math.max(peak, tokens + (long) sequences * steps);
        for (; i > 0; i--) {
            peak = Math.max(peak, peakAt(i - 1, tokens, sequences));
            tokens += baseOf(i - 1);
            sequences++;
        }
        return peak;
    }

    /** Returns the tokens held when a sequence ends, together with {@code sequences} sequences that end later. */
    private long peakAt(int index, long tokensOfLater, int sequences) {
        return tokensOfLater + baseOf(index) + (sequences + 1L) * stepsOf(index);
    }

    private int stepsOf(int index) {
        return (int) (endings[index] >> 32);
    }

    private int baseOf(int index) {
        return (int) endings[index];
    }

    /** Sorts the sequences by their ends. */
    void sort() {
        Arrays.sort(endings, 0, size);
    }

    private static long packed(int steps, int last) {
        return ((long) steps << 32) | ((last - steps) & 0xFFFF_FFFFL);
    }
}
