package nighttrain.executor.schedule;

import java.util.Arrays;

/**
 * The most tokens of cache that running sequences will hold at one time, when each grows by a token a step and then gives all of them
 * back (the past-future scheduler, ASPLOS 2025). Sequences that end early make room for the others' growth, so this is less than the sum
 * of the final lengths.
 */
final class FutureTokens {
    /** By the steps until a sequence ends, ascending: these in the upper half, its tokens then less these steps in the lower. */
    private long[] endings;

    private int size;

    FutureTokens(int sequences) {
        endings = new long[sequences];
    }

    /**
     * One more sequence.
     *
     * @param steps until it ends
     * @param last tokens of cache that it has for itself at its end, a whole number of pages
     */
    void add(int steps, int last) {
        if (size == endings.length) {
            endings = Arrays.copyOf(endings, 2 * size + 8);
        }
        endings[size++] = packed(steps, last);
    }

    /** The most at one time beside one more sequence, once {@link #sort} was called. */
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

    /** What there is when a sequence ends, beside {@code sequences} that end later. */
    private long peakAt(int index, long tokensOfLater, int sequences) {
        return tokensOfLater + baseOf(index) + (sequences + 1L) * stepsOf(index);
    }

    private int stepsOf(int index) {
        return (int) (endings[index] >> 32);
    }

    private int baseOf(int index) {
        return (int) endings[index];
    }

    /** Brings the sequences in order. */
    void sort() {
        Arrays.sort(endings, 0, size);
    }

    private static long packed(int steps, int last) {
        return ((long) steps << 32) | ((last - steps) & 0xFFFF_FFFFL);
    }
}
