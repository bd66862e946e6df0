package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;

/** Compares what a device computed with float64, as a whole and row by row. */
final class Closeness {
    /** One row of few numbers may be further off than all of them; a row in the wrong place is off by about 1. */
    private static final double ROW_SLACK = 5;

    private final double tolerance;
    private final long seed;

    Closeness(double tolerance, long seed) {
        this.tolerance = tolerance;
        this.seed = seed;
    }

    /** {@code |actual - expected| / |expected|} is within the tolerance, and nothing is NaN. */
    void check(String what, double[] expected, float[] actual, int cols) {
        assertThat(actual).as("%s: values (seed %d)", what, seed).hasSize(expected.length);
        for (int i = 0; i < actual.length; i++) {
            if (!Float.isFinite(actual[i])) {
                throw new AssertionError("%s: row %d, column %d is %s instead of %s (seed %d)"
                        .formatted(what, i / cols, i % cols, actual[i], expected[i], seed));
            }
        }
        assertThat(error(expected, actual, 0, actual.length))
                .as("%s: relative error (seed %d)", what, seed)
                .isLessThan(tolerance);
        for (int from = 0; from < actual.length; from += cols) {
            assertThat(error(expected, actual, from, from + cols))
                    .as("%s: relative error of row %d (seed %d)", what, from / cols, seed)
                    .isLessThan(ROW_SLACK * tolerance);
        }
    }

    private static double error(double[] expected, float[] actual, int from, int to) {
        double squares = 0;
        double norm = 0;
        for (int i = from; i < to; i++) {
            squares += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return Math.sqrt(squares) / Math.max(Math.sqrt(norm), 1e-30);
    }
}
