package nighttrain.jobs;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.GenerateReport.Quantiles;

/** What a finished job came to, in a few lines. */
final class ClosingSummary {
    private ClosingSummary() {}

    static String of(GenerateReport report) {
        List<String> lines = new ArrayList<>();
        lines.add(headline(report));
        lines.add(row(
                "tokens/s",
                Figures.rate(perSecond(report.promptTokens(), report)) + " prompt",
                Figures.rate(report.outputTokensPerS()) + " output",
                Figures.rate(report.totalTokensPerS()) + " total"));
        lines.add(row("TTFT", quantiles(report.ttftMs())));
        lines.add(row("TPOT", quantiles(report.tpotMs())));
        lines.add(row("E2E", quantiles(report.e2eMs())));
        lines.add(row("output", report.output()));
        return String.join("\n", lines) + "\n";
    }

    private static String headline(GenerateReport report) {
        String rows = Figures.count(report.rows(), "row") + ", " + Figures.count(report.errors(), "error");
        if (report.wasComplete()) {
            return rows + ": finished by an earlier run, nothing left to do";
        }
        String earlier = report.rowsFromEarlierRuns() > 0
                ? " (" + Figures.count(report.rowsFromEarlierRuns()) + " from earlier runs)"
                : "";
        return rows + " in " + Figures.millis(report.wallS() * 1000) + earlier;
    }

    private static double perSecond(long tokens, GenerateReport report) {
        return report.wallS() > 0 ? tokens / report.wallS() : 0;
    }

    private static String[] quantiles(Quantiles ms) {
        return new String[] {"p50 " + Figures.millis(ms.p50()), "p99 " + Figures.millis(ms.p99())};
    }

    private static String row(String name, String... cells) {
        StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "  %-10s", name));
        for (String cell : cells) {
            line.append(String.format(Locale.ROOT, "%-18s", cell));
        }
        return line.toString().stripTrailing();
    }
}
