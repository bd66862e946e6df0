package nighttrain.jobs.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.executor.Layout;
import nighttrain.jobs.compare.Cell.Visit;
import nighttrain.jobs.compare.CompareResult.CellResult.Spread;
import nighttrain.jobs.compare.Comparison.PublishedTable;
import nighttrain.pipeline.report.BarChart;
import nighttrain.pipeline.report.BarChart.Bar;
import nighttrain.pipeline.report.BarChart.Group;
import nighttrain.pipeline.report.Block.Prose;
import nighttrain.pipeline.report.Page.Section;

/**
 * Charts measured figures beside published ones: each architecture's speed relative to its own dense model, in both sources. Only such ratios are
 * comparable; the machines, and mostly the models' sizes, differ.
 */
final class PublishedFigures {
    private static final Pattern BOUND = Pattern.compile("(.*) without (?:all-reduces|sums)");

    private final CompareResult result;
    private final PublishedTable table;
    private final String first;
    private final Layout layout;

    PublishedFigures(CompareResult result, PublishedTable table) {
        this.result = result;
        this.table = table;
        this.first = result.comparison().candidates().get(0).name();
        this.layout = result.comparison().layouts().get(0);
    }

    Section section() {
        return new Section(
                "Beside published figures: " + table.title(),
                "Another machine: " + table.machine() + " (" + table.source() + "). Ours: " + layout + " on "
                        + result.machine() + ".",
                List.of(new Prose(table.note()), chart()));
    }

    private BarChart chart() {
        List<Group> groups = new ArrayList<>();
        for (PublishedTable.Row row : table.rows()) {
            List<Bar> bars = bars(row);
            if (!bars.isEmpty()) {
                groups.add(
                        new Group(row.workload().isEmpty() ? "all workloads (geometric mean)" : row.workload(), bars));
            }
        }
        return new BarChart(
                "Times as fast as " + first,
                "by " + table.figure().replace('_', ' '),
                "model, and who measured",
                "times",
                merged(groups));
    }

    /** Merges groups of equal heading and drops duplicate bars. */
    private static List<Group> merged(List<Group> groups) {
        List<Group> merged = new ArrayList<>();
        for (Group group : groups) {
            Optional<Group> earlier = merged.stream()
                    .filter(known -> known.heading().equals(group.heading()))
                    .findFirst();
            List<Bar> bars = new ArrayList<>(earlier.map(Group::bars).orElse(List.of()));
            group.bars().stream().filter(bar -> !bars.contains(bar)).forEach(bars::add);
            earlier.ifPresent(merged::remove);
            merged.add(new Group(group.heading(), bars));
        }
        return merged;
    }

    private List<Bar> bars(PublishedTable.Row row) {
        List<Bar> bars = new ArrayList<>();
        Double base = row.values().get(first);
        if (base == null) {
            return bars;
        }
        row.values().forEach((name, value) -> {
            if (!name.equals(first)) {
                ours(name, row.workload()).ifPresent(bars::add);
                double ratio = isTime() ? base / value : value / base;
                bars.add(bar(name + ", published (" + row.system() + ")", Spread.of(new double[] {ratio})));
            }
        });
        return bars;
    }

    private Optional<Bar> ours(String name, String workload) {
        List<Spread> ratios = result.comparison().workloads().stream()
                .map(NamedWorkload::name)
                .filter(known -> workload.isEmpty() || known.equals(workload))
                .flatMap(known -> ratio(name, known).stream())
                .toList();
        return ratios.isEmpty()
                ? Optional.empty()
                : Optional.of(bar(
                        name + ", ours",
                        new Spread(
                                mean(ratios, Spread::median), mean(ratios, Spread::min), mean(ratios, Spread::max))));
    }

    private static Bar bar(String name, Spread spread) {
        Spread rounded = spread.in(1);
        return new Bar(name, rounded.median(), rounded.min(), rounded.max(), "");
    }

    private Optional<Spread> ratio(String name, String workload) {
        Matcher bound = BOUND.matcher(name);
        String candidate = bound.matches() ? bound.group(1) : name;
        Optional<Spread> mine = result.cell(new Cell(new Visit(candidate, layout, bound.matches()), workload))
                .spread(table.figure());
        Optional<Spread> base = result.baseline(workload).spread(table.figure());
        return mine.flatMap(own -> base.map(of -> isTime()
                ? new Spread(of.median() / own.median(), of.median() / own.max(), of.median() / own.min())
                : new Spread(own.median() / of.median(), own.min() / of.median(), own.max() / of.median())));
    }

    /** Whether the figure is a time, of which less is better. */
    private boolean isTime() {
        return table.figure().endsWith("_ms");
    }

    private static double mean(List<Spread> ratios, ToDoubleFunction<Spread> which) {
        return Math.exp(
                ratios.stream().mapToDouble(which).map(Math::log).average().orElseThrow());
    }
}
