package nighttrain.jobs.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import nighttrain.jobs.compare.CompareResult.CellResult;
import nighttrain.jobs.compare.CompareResult.CellResult.Spread;
import nighttrain.pipeline.report.BarChart;
import nighttrain.pipeline.report.BarChart.Bar;
import nighttrain.pipeline.report.BarChart.Group;
import nighttrain.pipeline.report.Block;
import nighttrain.pipeline.report.Numbers;

/** The charts of a comparison: a group for each workload, a bar for each cell. */
final class Charts {
    static final String DRIFT =
            "Throughput of all cells in each round, beside each cell's own median: 1 in every round where the machine stayed as it was.";

    private static final double PERCENT = 0.01;

    private final CompareResult result;

    Charts(CompareResult result) {
        this.result = result;
    }

    /** Names the baseline, whose value is 1.0. */
    String baseline() {
        return result.comparison().candidates().get(0).name() + " on "
                + result.comparison().layouts().get(0) + " is 1.0 under each workload.";
    }

    /** Charts throughput under workloads without a bound on requests in flight, or under all where every workload has one. */
    BarChart throughput() {
        return chart(
                "Output tokens per second",
                "of 1.0",
                workloads(false),
                cell -> result.baseline(cell.cell().workload())
                        .spread(CompareResult.THROUGHPUT)
                        .flatMap(base -> cell.spread(CompareResult.THROUGHPUT)
                                .map(mine -> bar(
                                        cell, mine.in(base.median()), Numbers.figure(mine.median()) + " tokens/s"))));
    }

    BarChart ttft() {
        return millis("Time to first token, p50", "ttft_p50_ms");
    }

    BarChart tpot() {
        return millis("Time per output token after the first, p50", "tpot_p50_ms");
    }

    List<Block> communication() {
        List<Block> charts = new ArrayList<>();
        charts.add(chart(
                "Share of step time spent in all-reduces",
                "%",
                names(),
                cell -> cell.cell().layout().ranks() == 1
                        ? Optional.empty()
                        : cell.spread("comm_share").map(share -> bar(cell, share.in(PERCENT), ""))));
        if (result.comparison().measuring().bounds()) {
            charts.add(chart(
                    "Throughput, beside the same without all-reduces",
                    "%",
                    names(),
                    cell -> result.ofBound(cell)
                            .map(share ->
                                    bar(cell, Spread.of(new double[] {share}).in(PERCENT), ""))));
        }
        return charts;
    }

    /** Charts the share of the roofline; empty where the devices' ceilings are unknown. */
    Optional<BarChart> roofline() {
        boolean known = result.cells().stream()
                .anyMatch(cell -> cell.spread("roofline_share").isPresent());
        return known
                ? Optional.of(chart(
                        "Least possible time, by the time taken",
                        "%",
                        names(),
                        cell -> cell.spread("roofline_share").map(share -> bar(cell, share.in(PERCENT), ""))))
                : Optional.empty();
    }

    BarChart drift() {
        List<Bar> bars = result.rounds().stream()
                .map(FinishedRound::round)
                .distinct()
                .sorted()
                .map(this::drift)
                .flatMap(Optional::stream)
                .toList();
        return new BarChart("Rounds", "", "round", "of the median", List.of(new Group("", bars)));
    }

    private Optional<Bar> drift(int round) {
        double[] ratios = result.rounds().stream()
                .filter(done -> done.round() == round)
                .flatMapToDouble(done -> result.cell(done.cell()).spread(CompareResult.THROUGHPUT).stream()
                        .mapToDouble(all -> done.figures().get(CompareResult.THROUGHPUT) / all.median()))
                .toArray();
        if (ratios.length == 0) {
            return Optional.empty();
        }
        Spread spread = Spread.of(ratios).in(1);
        return Optional.of(new Bar(String.valueOf(round), spread.median(), spread.min(), spread.max(), ""));
    }

    /**
     * Charts latencies under workloads with a bound on requests in flight, or under all where none has one: without a bound, latency measures the
     * queue.
     */
    private BarChart millis(String title, String figure) {
        return chart(
                title, "ms", workloads(true), cell -> cell.spread(figure).map(spread -> bar(cell, spread.in(1), "")));
    }

    private BarChart chart(String title, String unit, List<String> workloads, Function<CellResult, Optional<Bar>> bar) {
        List<Group> groups = workloads.stream()
                .map(workload -> new Group(
                        workload,
                        result.cells(workload).stream()
                                .map(bar)
                                .flatMap(Optional::stream)
                                .toList()))
                .filter(group -> !group.bars().isEmpty())
                .toList();
        return new BarChart(title, "", "model and layout", unit, groups);
    }

    private static Bar bar(CellResult cell, Spread spread, String note) {
        return new Bar(cell.cell().visit().toString(), spread.median(), spread.min(), spread.max(), note);
    }

    private List<String> names() {
        return result.comparison().workloads().stream().map(NamedWorkload::name).toList();
    }

    /** Returns workloads with ({@code bounded}) or without a bound on requests in flight; all workloads where none matches. */
    private List<String> workloads(boolean bounded) {
        List<String> some = result.comparison().workloads().stream()
                .filter(workload -> workload.workload().maxConcurrency() > 0 == bounded)
                .map(NamedWorkload::name)
                .toList();
        return some.isEmpty() ? names() : some;
    }
}
