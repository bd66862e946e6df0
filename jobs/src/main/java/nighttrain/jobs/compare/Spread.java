package nighttrain.jobs.compare;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import nighttrain.io.table.Percentiles;

/** A figure over rounds. */
public record Spread(double median, double min, double max) {
    private static final int DIGITS = 3;

    static Spread of(double[] values) {
        return new Spread(
                Percentiles.median(values),
                Arrays.stream(values).min().orElseThrow(),
                Arrays.stream(values).max().orElseThrow());
    }

    /** These by {@code unit}, with three digits that count. */
    Spread in(double unit) {
        return new Spread(rounded(median / unit), rounded(min / unit), rounded(max / unit));
    }

    private static double rounded(double value) {
        return new BigDecimal(value).round(new MathContext(DIGITS)).doubleValue();
    }

    /** Whether every value of this lies above every value of {@code other}. */
    boolean isAbove(Spread other) {
        return min > other.max;
    }
}
