package nighttrain.pipeline.runreport;

import java.util.List;
import java.util.Optional;
import java.util.function.DoubleFunction;
import java.util.stream.Stream;
import nighttrain.pipeline.report.Block;
import nighttrain.pipeline.report.Histogram;
import nighttrain.pipeline.report.Numbers;
import nighttrain.pipeline.report.Section;
import nighttrain.pipeline.write.Distribution;
import nighttrain.pipeline.write.RowFigures;

/** How lengths and times of the rows without error are spread. */
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
}
