package nighttrain.pipeline.runreport;

import java.util.List;
import java.util.Optional;
import java.util.function.DoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.pipeline.report.Block;
import nighttrain.pipeline.report.Histogram;
import nighttrain.pipeline.report.Numbers;
import nighttrain.pipeline.report.Page.Section;
import nighttrain.pipeline.write.Distribution;
import nighttrain.pipeline.write.RowFigures;

/** Makes the report's sections on the distributions of lengths and times of the rows without error. */
final class DistributionSections {
    private DistributionSections() {}

    static List<Section> of(RowFigures figures) {
        List<Block> lengths = Stream.of(
                        lengths("Prompts", figures.distributionOf("prompt_tokens")),
                        lengths("Outputs", figures.distributionOf("output_tokens")))
                .flatMap(Optional::stream)
                .toList();
        List<Block> times = Stream.of(
                        times("Time to first token (TTFT)", figures.distributionOf("ttft_ms")),
                        times("Time per token after the first (TPOT)", figures.distributionOf("tpot_ms")),
                        times("Submission to last token (E2E)", figures.distributionOf("e2e_ms")))
                .flatMap(Optional::stream)
                .toList();
        return Stream.of(
                        new Section("Lengths", "In tokens, rows with errors left out.", lengths),
                        new Section(
                                "Times",
                                "Measured from submission to the engine: a bulk job's rows wait for one another, which counts.",
                                times))
                .filter(section -> !section.blocks().isEmpty())
                .toList();
    }

    private static Optional<Block> lengths(String title, Optional<Distribution> values) {
        return values.map(them -> histogram(title, "tokens", them, true, length -> Numbers.count(Math.round(length))));
    }

    private static Optional<Block> times(String title, Optional<Distribution> values) {
        return values.map(them -> histogram(title, "ms", them, false, Numbers::millis));
    }

    private static Block histogram(
            String title, String unit, Distribution values, boolean whole, DoubleFunction<String> written) {
        Bins bins = Bins.of(values, whole);
        String note = "p50 " + written.apply(values.quantile(0.5)) + ", p90 " + written.apply(values.quantile(0.9))
                + ", p99 " + written.apply(values.quantile(0.99)) + ", max " + written.apply(values.max());
        return new Histogram(
                title,
                note,
                unit,
                bins.logarithmic(),
                "rows",
                bins.edges(),
                List.of(new Histogram.Counts("rows", values.counts(bins.edges()))));
    }

    /**
     * The bins of a histogram.
     *
     * @param edges edges in ascending order
     * @param logarithmic whether the edges grow by a constant factor
     */
    record Bins(List<Double> edges, boolean logarithmic) {
        private static final int ABOUT = 30;
        private static final int PER_DECADE = 10;
        /** A largest value above this many times the median would press all other values into the first linear bins. */
        private static final double LONG_TAIL = 8;

        /** Returns bins for values with this distribution; {@code whole}: values and edges have no fractions. */
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

        /** Rounds up to 1, 2 or 5 times a power of ten. */
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
}
