package nighttrain.pipeline.bench;

import java.util.Arrays;
import java.util.stream.DoubleStream;
import nighttrain.io.table.Percentiles;

/** Quantiles of few exact values, interpolated between neighbours as numpy's {@code percentile} does. */
public final class Quantiles {
    private Quantiles() {}

    /** The 50th, 90th and 99th percentile; null each where there is no value. */
    static Percentiles percentiles(DoubleStream values) {
        double[] sorted = values.sorted().toArray();
        return sorted.length == 0
                ? new Percentiles(null, null, null)
                : new Percentiles(of(sorted, 0.5), of(sorted, 0.9), of(sorted, 0.99));
    }

    /** The middle of at least one value, the mean of the middle two where their number is even. */
    public static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return of(sorted, 0.5);
    }

    private static double of(double[] sorted, double share) {
        double position = share * (sorted.length - 1);
        int below = (int) position;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
    }
}
