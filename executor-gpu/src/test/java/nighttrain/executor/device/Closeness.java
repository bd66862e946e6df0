package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;

/** Compares a device's results with float64, as a whole and row by row. */
final class Closeness {
    /** Tolerance factor of one row: few numbers may be further off than all of them; a row in the wrong place is off by about 1. */
    private static final double ROW_SLACK = 5;

    /**
     * Share of the mean row's length; the error of a shorter row is measured against this length. The terms of such a row cancel, and its error
     * is that of the terms. A row in the wrong place is still far off.
     */
    private static final double SHORT_ROW = 0.25;

    private final double tolerance;
    private final long seed;

    Closeness(double tolerance, long seed) {
        this.tolerance = tolerance;
        this.seed = seed;
    }

    /** Checks that {@code |actual - expected| / |expected|} is within the tolerance and that all values are finite. */
    void check(String what, double[] expected, float[] actual, int cols) {
        assertThat(actual).as("%s: values (seed %d)", what, seed).hasSize(expected.length);
        for (int i = 0; i < actual.length; i++) {
            if (!Float.isFinite(actual[i])) {
                throw new AssertionError("%s: row %d, column %d is %s instead of %s (seed %d)"
                        .formatted(what, i / cols, i % cols, actual[i], expected[i], seed));
            }
        }
        double length = length(expected, 0, expected.length);
        assertThat(distance(expected, actual, 0, actual.length) / length)
                .as("%s: relative error (seed %d)", what, seed)
                .isLessThan(tolerance);
        double shortest = SHORT_ROW * length / Math.sqrt((double) expected.length / cols);
        for (int from = 0; from < actual.length; from += cols) {
            double ofRow = Math.max(length(expected, from, from + cols), shortest);
            assertThat(distance(expected, actual, from, from + cols) / ofRow)
                    .as("%s: relative error of row %d (seed %d)", what, from / cols, seed)
                    .isLessThan(ROW_SLACK * tolerance);
        }
    }

    private static double distance(double[] expected, float[] actual, int from, int to) {
        double squares = 0;
        for (int i = from; i < to; i++) {
            squares += (actual[i] - expected[i]) * (actual[i] - expected[i]);
        }
        return Math.sqrt(squares);
    }

    /** Returns the Euclidean length, but never 0. */
    private static double length(double[] values, int from, int to) {
        double squares = 0;
        for (int i = from; i < to; i++) {
            squares += values[i] * values[i];
        }
        return Math.max(Math.sqrt(squares), 1e-30);
    }
}
