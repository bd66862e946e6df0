package nighttrain.jobs.bench;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.executor.EnginePlan;
import nighttrain.jobs.bench.BenchReport.Figure;
import nighttrain.jobs.bench.Workload.RandomWorkload;
import nighttrain.jobs.cli.Figures;

/** The table that {@code bench} prints: the median over the rounds with its spread; for latencies, the median of each percentile. */
final class BenchTable {
    private final Map<String, Figure> figures;

    private BenchTable(BenchReport report) {
        figures = Figure.of(report).stream().collect(Collectors.toMap(Figure::name, Function.identity()));
    }

    static String of(BenchReport report) {
        return Stream.of(Stream.of(headline(report)), new BenchTable(report).rows(), engine(report))
                .flatMap(lines -> lines)
                .map(line -> line.stripTrailing() + "\n")
                .collect(Collectors.joining());
    }

    private static String headline(BenchReport report) {
        RandomWorkload workload = report.options().workload();
        boolean oneLength = workload.shortest() == workload.longest();
        return Figures.count(workload.numPrompts(), "prompt") + " of "
                + (oneLength ? "" : Figures.count(workload.shortest()) + " to ") + Figures.count(workload.longest())
                + " tokens in, " + Figures.count(workload.outputLen()) + " out; "
                + Figures.count(report.rounds().size(), "round") + " after "
                + report.options().warmUpRounds() + " of warm-up";
    }

    private static Stream<String> engine(BenchReport report) {
        EnginePlan plan = report.plan();
        Stream<String> lines = Stream.of(
                "  layout    " + plan.layout() + " (replicas x ranks), " + plan.architecture() + ", "
                        + plan.backend().name().toLowerCase(Locale.ROOT),
                "  opened    in " + Figures.millis(report.openS() * 1000),
                "  model     " + report.options().model() + ", "
                        + Figures.count(report.footprint().parameters(), "parameter"));
        return Stream.concat(lines, plan.choice().map("  batch     "::concat).stream());
    }

    private Stream<String> rows() {
        return Stream.of(
                row("", "median", "min", "max"),
                overRounds("wall", "wall_s", seconds -> Figures.millis(seconds * 1000)),
                overRounds("requests/s", "requests_per_s", Figures::rate),
                overRounds("output tokens/s", "output_tokens_per_s", Figures::rate),
                overRounds("total tokens/s", "total_tokens_per_s", Figures::rate),
                overRounds("requests/s per device", "requests_per_s_per_device", Figures::rate),
                overRounds("output tokens/s per device", "output_tokens_per_s_per_device", Figures::rate),
                overRounds("total tokens/s per device", "total_tokens_per_s_per_device", Figures::rate),
                overRounds("communication, of step time", "comm_share", BenchTable::percent),
                overRounds("devices idle", "idle_share", BenchTable::percent),
                overRounds("of the roofline", "roofline_share", BenchTable::percent),
                row("", "p50", "p90", "p99"),
                percentiles("TTFT", "ttft"),
                percentiles("TPOT", "tpot"),
                percentiles("E2E", "e2e"));
    }

    private String overRounds(String label, String name, Function<Double, String> print) {
        Figure figure = figures.get(name);
        if (figure.median() == null) {
            return row(label, "-", "-", "-");
        }
        return row(label, print.apply(figure.median()), print.apply(figure.min()), print.apply(figure.max()));
    }

    private String percentiles(String label, String name) {
        List<String> cells = Stream.of("p50", "p90", "p99")
                .map(which -> figures.get(name + "_" + which + "_ms").median())
                .map(Figures::millis)
                .toList();
        return row(label, cells.toArray(String[]::new));
    }

    private static String percent(double share) {
        return Figures.rate(share * 100) + " %";
    }

    private static String row(String label, String... cells) {
        return String.format(Locale.ROOT, "  %-30s", label)
                + Stream.of(cells)
                        .map(cell -> String.format(Locale.ROOT, "%-12s", cell))
                        .collect(Collectors.joining());
    }
}
