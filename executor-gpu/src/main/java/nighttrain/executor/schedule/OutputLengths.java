package nighttrain.executor.schedule;

import java.util.List;

/**
 * Estimates output lengths: first from the expected length, then from finished outputs. An output that still runs, or that ended at its limit, shows
 * only that it is no shorter (Kaplan and Meier 1958), so short outputs that finish first do not bias the estimate.
 */
final class OutputLengths {
    /** Buckets per doubling of the length. */
    private static final int PER_OCTAVE = 8;

    private static final int BUCKETS = 31 * PER_OCTAVE;
    /** Finished outputs after which all counts are halved: a job's rows change along its input. */
    private static final double REMEMBERED = 4096;
    /** If fewer outputs than this are known to reach a length, the endings per token of all outputs are used there. */
    private static final double ENOUGH = 16;

    private final int expected;
    private final double[] ended = new double[BUCKETS];
    private final double[] cut = new double[BUCKETS];
    /** Share of outputs that reach the start of a bucket; {@link #sum} is its integral up to there. */
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

    /** Adds a finished output, which ended by itself or {@code atLimit}. */
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

    /** Updates the estimate. To be called before {@link #remaining}. */
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
     * Returns the tokens that an output is expected to grow by, at least 1 unless it is at its limit.
     *
     * @param tokens tokens that it has
     * @param most tokens that it may grow by
     */
    int remaining(int tokens, int most) {
        if (endings == 0) {
            // An output that is longer than expected is expected to double.
            return expected == 0 ? most : Math.min(most, tokens < expected ? expected - tokens : tokens);
        }
        int from = bucket(tokens);
        if (reach[from] <= 0) { // longer than any finished output
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
