package nighttrain.executor.schedule;

import java.util.List;

/**
 * How long outputs become: what is expected of them at first, then what the finished ones show. An output that still runs, or that ended
 * at its limit, shows only that it is no shorter (Kaplan and Meier 1958), so short outputs that finish first mislead nobody.
 */
final class OutputLengths {
    /** Buckets per doubling of the length. */
    private static final int PER_OCTAVE = 8;

    private static final int BUCKETS = 31 * PER_OCTAVE;
    /** Older outputs then count half: a job's rows change along its input. */
    private static final double REMEMBERED = 4096;
    /** Where fewer outputs are known to be so long, all outputs' endings per token stand in for theirs. */
    private static final double ENOUGH = 16;

    private final int expected;
    private final double[] ended = new double[BUCKETS];
    private final double[] cut = new double[BUCKETS];
    /** Share of outputs that reach the start of a bucket, and its integral up to there. */
    private final double[] reach = new double[BUCKETS + 1];

    private final double[] sum = new double[BUCKETS + 1];
    private double endings;
    private double endedTokens;
    private double seen;

    /**
     * @param expected tokens of an output before any has ended; 0: as many as it may have
     */
    OutputLengths(int expected) {
        this.expected = expected;
    }

    /** An output came to its end: by itself, or {@code atLimit}. */
    void add(int tokens, boolean atLimit) {
        (atLimit ? cut : ended)[bucket(tokens)]++;
        endings += atLimit ? 0 : 1;
        endedTokens += tokens;
        if (++seen > REMEMBERED) {
            for (int b = 0; b < BUCKETS; b++) {
                ended[b] /= 2;
                cut[b] /= 2;
            }
            endings /= 2;
            endedTokens /= 2;
            seen /= 2;
        }
    }

    /** Brings what is known up to date; before calls of {@link #remaining}. */
    void learn(List<Sequence> running) {
        if (endings == 0) {
            return;
        }
        double[] leave = new double[BUCKETS];
        double atRisk = 0;
        double tokens = endedTokens;
        for (Sequence sequence : running) {
            leave[bucket(sequence.outputTokens())]++;
            tokens += sequence.outputTokens();
            atRisk++;
        }
        for (int b = 0; b < BUCKETS; b++) {
            leave[b] += cut[b] + ended[b];
            atRisk += cut[b] + ended[b];
        }
        reach[0] = 1;
        sum[0] = 0;
        for (int b = 0; b < BUCKETS; b++) {
            double width = start(b + 1) - start(b);
            double goesOn = atRisk >= ENOUGH ? 1 - ended[b] / atRisk : Math.exp(-endings / Math.max(1, tokens) * width);
            reach[b + 1] = reach[b] * goesOn;
            sum[b + 1] = sum[b] + (reach[b] + reach[b + 1]) / 2 * width;
            atRisk = Math.max(0, atRisk - leave[b]);
        }
    }

    /**
     * Tokens that an output is expected to grow by, at least 1 unless it is at its limit.
     *
     * @param tokens that it has
     * @param most that it may grow by
     */
    int remaining(int tokens, int most) {
        if (endings == 0) {
            // One that is longer than expected may become twice as long as it is.
            return expected == 0 ? most : Math.min(most, tokens < expected ? expected - tokens : tokens);
        }
        int from = bucket(tokens);
        if (reach[from] <= 0) { // longer than any that was seen
            return most;
        }
        double mean = (integral(tokens + most) - integral(tokens)) / reach[from];
        return Math.min(most, Math.max(1, (int) Math.ceil(mean)));
    }

    private double integral(int tokens) {
        int b = bucket(tokens);
        double into = (tokens - start(b)) / (start(b + 1) - start(b));
        return sum[b] + into * (sum[b + 1] - sum[b]);
    }

    private static int bucket(int tokens) {
        return Math.min(BUCKETS - 1, (int) (Math.log(tokens + 1.0) / Math.log(2) * PER_OCTAVE));
    }

    private static double start(int bucket) {
        return Math.pow(2, (double) bucket / PER_OCTAVE) - 1;
    }
}
