package nighttrain.pipeline.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import nighttrain.pipeline.report.BarChart;
import nighttrain.pipeline.report.BarChart.Bar;
import nighttrain.pipeline.report.BarChart.Group;
import nighttrain.pipeline.report.Block;
import nighttrain.pipeline.report.Numbers;

/** The charts of a comparison: a group for each load, a bar for each cell. */
final class Pictures {
    static final String DRIFT =
            "Throughput of all cells in each round, beside each cell's own median: 1 in every round where the machine stayed as it was.";

    private final CompareResult result;

    Pictures(CompareResult result) {
        this.result = result;
    }

    /** What is 1.0. */
    String baseline() {
        return result.comparison().contenders().get(0).name() + " on "
                + result.comparison().layouts().get(0) + " is 1.0 under each workload.";
    }

    /** Loads that are not held back, or all where every one is. */
    BarChart throughput() {
        return chart(
                "Output tokens per second",
                "of 1.0",
                loads(false),
                cell -> result.baseline(cell.cell().load())
                        .spread(CompareResult.THROUGHPUT)
                        .flatMap(base ->
                                cell.spread(CompareResult.THROUGHPUT).map(mine -> bar(cell, mine, base.median()))));
    }

    BarChart ttft() {
        return figure("Time to first token, p50", "ms", "ttft_p50_ms", loads(true));
    }

    BarChart tpot() {
        return figure("Time per output token after the first, p50", "ms", "tpot_p50_ms", loads(true));
    }

    List<Block> communication() {
        List<Block> charts = new ArrayList<>();
        charts.add(figure("Share of step time spent in sums", "of 1", "comm_share", names()));
        if (result.comparison().bounds()) {
            charts.add(chart(
                    "Throughput without communication reached",
                    "of the bound",
                    names(),
                    cell -> result.ofBound(cell)
                            .map(share -> Bar.of(cell.cell().visit().toString(), share))));
        }
        return charts;
    }

    /** Where the devices' ceilings are known. */
    Optional<BarChart> roofline() {
        boolean known = result.cells().stream()
                .anyMatch(cell -> cell.spread("roofline_share").isPresent());
        return known
                ? Optional.of(figure("Least possible time by the time taken", "of 1", "roofline_share", names()))
                : Optional.empty();
    }

    BarChart drift() {
        List<Bar> bars = IntStream.rangeClosed(1, result.comparison().rounds())
                .mapToObj(this::drift)
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
        Spread spread = Spread.of(ratios);
        return Optional.of(new Bar(String.valueOf(round), spread.median(), spread.min(), spread.max(), ""));
    }

    private BarChart figure(String title, String unit, String name, List<String> loads) {
        return chart(
                title,
                unit,
                loads,
                cell -> cell.spread(name)
                        .map(spread -> new Bar(
                                cell.cell().visit().toString(), spread.median(), spread.min(), spread.max(), "")));
    }

    private BarChart chart(String title, String unit, List<String> loads, Function<CellResult, Optional<Bar>> bar) {
        List<Group> groups = loads.stream()
                .map(load -> new Group(
                        load,
                        result.cells(load).stream()
                                .map(bar)
                                .flatMap(Optional::stream)
                                .toList()))
                .filter(group -> !group.bars().isEmpty())
                .toList();
        return new BarChart(title, "", "model and layout", unit, groups);
    }

    private static Bar bar(CellResult cell, Spread spread, double base) {
        return new Bar(
                cell.cell().visit().toString(),
                spread.median() / base,
                spread.min() / base,
                spread.max() / base,
                Numbers.figure(spread.median()) + " tokens/s");
    }

    private List<String> names() {
        return result.comparison().loads().stream().map(NamedLoad::name).toList();
    }

    /** Loads with ({@code bounded}) or without a bound of what is under way; all, where there is none such. */
    private List<String> loads(boolean bounded) {
        List<String> some = result.comparison().loads().stream()
                .filter(load -> load.load().maxConcurrency() > 0 == bounded)
                .map(NamedLoad::name)
                .toList();
        return some.isEmpty() ? names() : some;
    }
}
