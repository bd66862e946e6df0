package nighttrain.io.table;

import java.util.Arrays;
import java.util.stream.DoubleStream;

/** The median and the tail of a distribution; null where nothing was measured. */
public record Percentiles(Double p50, Double p90, Double p99) {
    /**
     * Computes percentiles of a few exact values, interpolated between neighbours as numpy's {@code percentile} does; each is null where there is no
     * value.
     */
    public static Percentiles of(DoubleStream values) {
        double[] sorted = values.sorted().toArray();
        return sorted.length == 0
                ? new Percentiles(null, null, null)
                : new Percentiles(at(sorted, 0.5), at(sorted, 0.9), at(sorted, 0.99));
    }

    /** Returns the median of at least one value, the mean of the middle two where their number is even. */
    public static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return at(sorted, 0.5);
    }

    private static double at(double[] sorted, double share) {
        double position = share * (sorted.length - 1);
        int below = (int) position;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
    }
}
