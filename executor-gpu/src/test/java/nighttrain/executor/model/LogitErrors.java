package nighttrain.executor.model;

import java.util.Arrays;
import java.util.stream.IntStream;
import nighttrain.io.checkpoint.Checkpoint;

/**
 * Relative errors of logits, {@code |actual - expected| / |expected|}.
 *
 * @param whole error over all tokens; a few tokens that rounding sends to other experts may make up most of it
 * @param median error of the median token, over its vocabulary
 */
record LogitErrors(double whole, double median) {
    static LogitErrors of(float[] expected, float[] actual, int tokens) {
        int vocabulary = expected.length / tokens;
        double[] byToken = IntStream.range(0, tokens)
                .mapToDouble(i -> relative(
                        Arrays.copyOfRange(expected, i * vocabulary, (i + 1) * vocabulary),
                        Arrays.copyOfRange(actual, i * vocabulary, (i + 1) * vocabulary)))
                .sorted()
                .toArray();
        return new LogitErrors(relative(expected, actual), byToken[tokens / 2]);
    }

    /** Returns the largest errors of {@code seeds} passes on {@code ranks} ranks with results rounded to bf16. */
    static LogitErrors ofRounding(Checkpoint checkpoint, int ranks, int seeds, float[] expected, int... ids) {
        return RoundedDevice.logits(checkpoint, ranks, seeds, ids).stream()
                .map(rounded -> of(expected, rounded, ids.length))
                .reduce(
                        new LogitErrors(0, 0),
                        (a, b) -> new LogitErrors(Math.max(a.whole, b.whole), Math.max(a.median, b.median)));
    }

    boolean isWithin(LogitErrors limit, double slack) {
        return whole < slack * limit.whole && median < slack * limit.median;
    }

    private static double relative(float[] expected, float[] actual) {
        double squares = 0, norm = 0;
        for (int i = 0; i < expected.length; i++) {
            squares += Math.pow((double) actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(squares / norm);
    }
}
