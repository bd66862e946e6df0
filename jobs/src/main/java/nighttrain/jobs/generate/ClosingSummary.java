package nighttrain.jobs.generate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.io.table.Percentiles;
import nighttrain.io.table.Summary;
import nighttrain.io.table.Summary.Incidents;
import nighttrain.io.table.Summary.Saved;
import nighttrain.io.table.Summary.Throughput;
import nighttrain.jobs.cli.Figures;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.settings.Settings;

/** The summary of a finished job, in a few lines. */
final class ClosingSummary {
    private static final int MOST_LABELS = 6;

    private ClosingSummary() {}

    static String of(GenerateReport report, Summary summary) {
        List<String> lines = new ArrayList<>(List.of(
                headline(report),
                row("", "prompt", "output", "total"),
                row(
                        "tokens",
                        Figures.count(summary.promptTokens()),
                        Figures.count(summary.outputTokens()),
                        Figures.count(summary.promptTokens() + summary.outputTokens())),
                row(
                        "tokens/s",
                        Figures.rate(summary.throughput().promptTokensPerS()),
                        Figures.rate(summary.throughput().outputTokensPerS()),
                        Figures.rate(summary.throughput().totalTokensPerS()),
                        generating(summary.throughput())),
                "  layout    " + layout(summary),
                "  output    " + report.output().replaceFirst("^file:(?=/)", "")
                        + " (results, metrics, summary.json, report.html)"));
        lines.addAll(4, summary.labels().map(ClosingSummary::labels).orElseGet(() -> latency(summary)));
        incidents(summary.incidents()).ifPresent(line -> lines.add(1, line));
        copied(summary.saved()).ifPresent(line -> lines.add(lines.size() - 2, line));
        if (!summary.batch().isEmpty()) {
            lines.add(lines.size() - 1, "  batch     " + summary.batch());
        }
        Map<String, String> settings = summary.settings();
        Optional.ofNullable(settings.get(Settings.OUTPUT_TABLE.name()))
                .ifPresent(table -> lines.add(
                        "  table     " + table + " (" + settings.get(Settings.TABLE_MODE.name()) + ", one commit)"));
        return lines.stream().map(line -> line.stripTrailing() + "\n").collect(Collectors.joining());
    }

    private static String generating(Throughput throughput) {
        return throughput.generatingS() > 0
                ? "in the " + Figures.millis(throughput.generatingS() * 1000) + " of generating"
                : "";
    }

    private static List<String> latency(Summary summary) {
        return List.of(
                row("", "TTFT", "TPOT", "E2E"),
                row("p50", times(summary, Percentiles::p50)),
                row("p99", times(summary, Percentiles::p99)));
    }

    /** Returns how many rows got each label, and the accuracy where correct labels are known. */
    private static List<String> labels(ObjectNode labels) {
        List<String> most = labels.path("rows_by_label").properties().stream()
                .sorted(Comparator.comparingLong(entry -> -entry.getValue().asLong()))
                .map(entry ->
                        entry.getKey() + " " + Figures.count(entry.getValue().asLong()))
                .toList();
        List<String> lines = new ArrayList<>();
        lines.add("  labels    " + String.join(", ", most.subList(0, Math.min(MOST_LABELS, most.size())))
                + (most.size() > MOST_LABELS ? ", " + Figures.count(most.size() - MOST_LABELS, "label") + " more" : "")
                + (labels.path("rows_without_label").asLong() > 0
                        ? "; none "
                                + Figures.count(
                                        labels.path("rows_without_label").asLong())
                        : ""));
        JsonNode gold = labels.path("gold");
        if (gold.path("accuracy").isNumber()) {
            lines.add(String.format(
                    Locale.ROOT,
                    "  right     %.1f %% of those with a label, as the column %s has it; macro-F1 %.3f, coverage %.1f %%",
                    100 * gold.path("accuracy").asDouble(),
                    gold.path("column").asText(),
                    gold.path("macro_f1").asDouble(),
                    100 * gold.path("coverage").asDouble()));
        }
        return lines;
    }

    private static Optional<String> copied(Saved saved) {
        return Optional.of("  copied    " + Figures.count(saved.copiedRows(), "row") + " of identical requests, "
                        + Figures.count(saved.copiedTokens(), "token") + " not computed")
                .filter(line -> saved.copiedRows() > 0);
    }

    private static Optional<String> incidents(Incidents incidents) {
        String list = Stream.of(
                        told(incidents.executorsLost(), "executor", " lost"),
                        told(incidents.tasksFailed(), "task", " begun again"),
                        told(incidents.rowsRetried(), "row", " begun again"),
                        told(incidents.rowsQuarantined(), "row", " quarantined"))
                .flatMap(Optional::stream)
                .collect(Collectors.joining(", "));
        return Optional.of("  incidents " + list).filter(line -> !list.isEmpty());
    }

    private static Optional<String> told(long count, String what, String happened) {
        return Optional.of(Figures.count(count, what) + happened).filter(text -> count > 0);
    }

    /** Returns what generated. A run without rows of its own has seen no engine, and so no layout and no device. */
    private static String layout(Summary summary) {
        return summary.layout().isEmpty()
                ? summary.architecture()
                : summary.layout() + " (replicas x ranks), " + summary.architecture() + devices(summary);
    }

    private static String devices(Summary summary) {
        int gpus = summary.throughput().gpus();
        return gpus == 0 ? ", on the CPU" : ", on " + Figures.count(gpus, "GPU");
    }

    private static String headline(GenerateReport report) {
        String rows = Figures.count(report.rows(), "row") + ", " + Figures.count(report.errors(), "error");
        if (report.wasComplete()) {
            return rows + ": an earlier run finished this job, nothing was left to do";
        }
        String earlier = report.rowsFromEarlierRuns() > 0
                ? " (" + Figures.count(report.rowsFromEarlierRuns()) + " from earlier runs)"
                : "";
        return rows + " in " + Figures.millis(report.wallS() * 1000) + earlier;
    }

    private static String[] times(Summary summary, Function<Percentiles, Double> which) {
        return Stream.of(summary.ttftMs(), summary.tpotMs(), summary.e2eMs())
                .map(which)
                .map(Figures::millis)
                .toArray(String[]::new);
    }

    private static String row(String name, String... cells) {
        return String.format(Locale.ROOT, "  %-10s", name)
                + Stream.of(cells)
                        .map(cell -> String.format(Locale.ROOT, "%-12s", cell))
                        .collect(Collectors.joining());
    }
}
