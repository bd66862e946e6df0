package nighttrain.pipeline.runreport;

import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import nighttrain.pipeline.write.Distribution;

/**
 * Where a histogram's bins begin and end.
 *
 * @param edges growing
 * @param logarithmic whether they grow by a factor
 */
record Bins(List<Double> edges, boolean logarithmic) {
    private static final int ABOUT = 30;
    private static final int PER_DECADE = 10;
    /** A largest value beyond that many times the median would press all others into the first bins. */
    private static final double LONG_TAIL = 8;

    /** Bins for values spread like these; {@code whole}: values have no fractions, and bins none either. */
    static Bins of(Distribution values, boolean whole) {
        return values.min() > 0 && values.max() > LONG_TAIL * values.quantile(0.5)
                ? logarithmic(values.min(), values.max())
                : linear(values.min(), values.max(), whole);
    }

    private static Bins logarithmic(double min, double max) {
        int from = (int) Math.floor(PER_DECADE * Math.log10(min));
        int to = (int) Math.floor(PER_DECADE * Math.log10(max)) + 1;
        return new Bins(
                IntStream.rangeClosed(from, to)
                        .mapToObj(i -> Math.pow(10, (double) i / PER_DECADE))
                        .toList(),
                true);
    }

    private static Bins linear(double min, double max, boolean whole) {
        double width = Math.max(round((max - min) / ABOUT), whole ? 1 : Double.MIN_NORMAL);
        double first = Math.floor(min / width);
        int bins = (int) Math.min(2 * ABOUT, Math.floor(max / width) - first + 1);
        return new Bins(
                DoubleStream.iterate(first, i -> i + 1)
                        .limit(bins + 1L)
                        .mapToObj(i -> i * width)
                        .toList(),
                false);
    }

    /** The next larger of 1, 2 and 5 times a power of ten. */
    private static double round(double width) {
        if (width <= 0) {
            return 1;
        }
        double power = Math.pow(10, Math.floor(Math.log10(width)));
        return DoubleStream.of(1, 2, 5, 10)
                .map(step -> step * power)
                .filter(it -> it >= width * (1 - 1e-9))
                .findFirst()
                .orElse(10 * power);
    }
}
