package nighttrain.jobs;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import nighttrain.io.table.Percentiles;
import nighttrain.pipeline.bench.BenchReport;
import nighttrain.pipeline.bench.Quantiles;
import nighttrain.pipeline.bench.Round;

/**
 * One figure of every round of a benchmark. {@link #of} is the one list of them; table and file follow it.
 *
 * @param name with its unit, as in the file: {@code output_tokens_per_s}
 * @param values one per round, in order; null where there was nothing to measure
 */
record BenchFigure(String name, List<Double> values) {
    static List<BenchFigure> of(BenchReport report) {
        int devices = report.devices();
        List<BenchFigure> figures = new ArrayList<>();
        figures.add(figure(report, "wall_s", Round::wallS));
        figures.addAll(rates(report, "requests", Round::requests, devices));
        figures.addAll(rates(report, "output_tokens", Round::outputTokens, devices));
        figures.addAll(rates(report, "total_tokens", Round::totalTokens, devices));
        figures.addAll(times(report, "ttft", Round::ttftMs));
        figures.addAll(times(report, "tpot", Round::tpotMs));
        figures.addAll(times(report, "e2e", Round::e2eMs));
        figures.add(figure(report, "comm_share", Round::commShare));
        figures.add(figure(
                report, "idle_share", round -> round.idleShare(report.plan().replicas())));
        figures.add(nullable(
                report, "roofline_share", round -> report.rooflineShare(round).orElse(null)));
        return figures;
    }

    /** The middle one; null where a round has none. */
    Double median() {
        return values.contains(null)
                ? null
                : Quantiles.median(
                        values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    Double min() {
        return values.contains(null)
                ? null
                : values.stream().min(Double::compare).orElseThrow();
    }

    Double max() {
        return values.contains(null)
                ? null
                : values.stream().max(Double::compare).orElseThrow();
    }

    private static List<BenchFigure> rates(
            BenchReport report, String what, ToDoubleFunction<Round> count, int devices) {
        ToDoubleFunction<Round> perSecond = round -> count.applyAsDouble(round) / round.wallS();
        return List.of(
                figure(report, what + "_per_s", perSecond),
                figure(report, what + "_per_s_per_device", round -> perSecond.applyAsDouble(round) / devices));
    }

    private static List<BenchFigure> times(BenchReport report, String what, Function<Round, Percentiles> times) {
        return List.of(
                nullable(report, what + "_p50_ms", times.andThen(Percentiles::p50)),
                nullable(report, what + "_p90_ms", times.andThen(Percentiles::p90)),
                nullable(report, what + "_p99_ms", times.andThen(Percentiles::p99)));
    }

    private static BenchFigure figure(BenchReport report, String name, ToDoubleFunction<Round> value) {
        return nullable(report, name, value::applyAsDouble);
    }

    private static BenchFigure nullable(BenchReport report, String name, Function<Round, Double> value) {
        List<Double> values = new ArrayList<>(); // one that can hold null
        report.rounds().forEach(round -> values.add(value.apply(round)));
        return new BenchFigure(name, values);
    }
}
