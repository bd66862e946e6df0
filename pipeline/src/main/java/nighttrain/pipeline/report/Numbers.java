package nighttrain.pipeline.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/** Formats numbers for reports. */
public final class Numbers {
    private static final MathContext DIGITS = new MathContext(4);
    private static final double LARGE = 1000;

    private Numbers() {}

    /** Returns a count, such as {@code 1,234,567}. */
    public static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /** Returns a number with four significant digits, such as {@code 1,235} or {@code 0.01235}; empty text if it is not finite. */
    public static String figure(double value) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            return "";
        }
        if (Math.abs(value) >= LARGE) {
            return count(Math.round(value));
        }
        BigDecimal rounded = BigDecimal.valueOf(value).round(DIGITS).stripTrailingZeros();
        return rounded.signum() == 0 ? "0" : rounded.toPlainString();
    }

    /**
     * Returns a duration such as {@code 850 ms}, {@code 12.3 s}, {@code 4 min 10 s} or {@code 2 h 5 min}; empty text if it is not finite.
     */
    public static String millis(double ms) {
        if (Double.isNaN(ms) || Double.isInfinite(ms)) {
            return "";
        }
        double seconds = ms / 1000;
        if (seconds < 1) {
            return figure(new BigDecimal(ms).round(new MathContext(3)).doubleValue()) + " ms";
        }
        if (seconds < 120) {
            return figure(new BigDecimal(seconds).round(new MathContext(3)).doubleValue()) + " s";
        }
        long whole = Math.round(seconds);
        return whole < 7200
                ? whole / 60 + " min " + whole % 60 + " s"
                : whole / 3600 + " h " + whole % 3600 / 60 + " min";
    }

    /** Returns a share of 1 as a percentage, such as {@code 12.3 %}. */
    public static String percent(double share) {
        return Double.isNaN(share)
                ? ""
                : figure(new BigDecimal(share * 100).round(new MathContext(3)).doubleValue()) + " %";
    }
}
