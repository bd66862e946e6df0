package nighttrain.pipeline.compare;

import java.util.Arrays;
import nighttrain.pipeline.bench.Quantiles;

/** A figure over rounds. */
public record Spread(double median, double min, double max) {
    static Spread of(double[] values) {
        return new Spread(
                Quantiles.median(values),
                Arrays.stream(values).min().orElseThrow(),
                Arrays.stream(values).max().orElseThrow());
    }

    /** Whether every value of this lies above every value of {@code other}. */
    boolean isAbove(Spread other) {
        return min > other.max;
    }
}
