package nighttrain.jobs.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import nighttrain.jobs.cli.Figures;
import nighttrain.jobs.compare.CompareResult.CellResult;
import nighttrain.jobs.compare.CompareResult.CellResult.Spread;
import nighttrain.jobs.compare.CompareResult.Failure;

/** The table that {@code compare} prints: a block for each workload, a line for each cell, medians over the rounds. */
final class CompareTable {
    private static final String LINE = "  %-7s%-14s%9s  %-17s%-6s%7s%8s%9s%9s%7s%7s%6s";

    /** Explains the column headings. */
    private static final List<String> LEGEND = List.of(
            "  tokens/s: of output, median and range of the rounds. ratio: tokens/s by those of the first model on the first layout.",
            "  bound: tokens/s by those of the same cell without all-reduces. TTFT, TPOT: p50. comm: share of step time in all-reduces.",
            "  roof: least time for the tokens at the GPUs' measured rates, by the time taken. syncs: all-reduces of a forward pass.");

    private final CompareResult result;

    private CompareTable(CompareResult result) {
        this.result = result;
    }

    static String of(CompareResult result, String output) {
        List<String> lines = new ArrayList<>();
        lines.add(result.comparison().title() + " (" + result.machine() + ")");
        CompareTable table = new CompareTable(result);
        result.comparison().workloads().forEach(workload -> lines.addAll(table.block(workload)));
        lines.add("");
        lines.addAll(LEGEND);
        lines.add("");
        Findings.of(result).forEach(finding -> lines.add("  " + finding));
        lines.add("  output    " + output + " (results, metrics, report.html)");
        return String.join("\n", lines.stream().map(String::stripTrailing).toList()) + "\n";
    }

    private List<String> block(NamedWorkload workload) {
        List<String> lines = new ArrayList<>();
        lines.add("");
        lines.add(workload.name() + ": " + Figures.count(workload.workload().numPrompts(), "prompt") + ", "
                + Figures.count(workload.workload().outputLen()) + " tokens out, "
                + Figures.count(result.comparison().measuring().rounds(), "round"));
        lines.add(row(
                "layout",
                "model",
                "tokens/s",
                "min - max",
                "ratio",
                "bound",
                "/device",
                "TTFT",
                "TPOT",
                "comm",
                "roof",
                "syncs"));
        result.cells(workload.name()).forEach(cell -> lines.add(line(cell)));
        return lines;
    }

    private String line(CellResult cell) {
        String layout = cell.cell().layout().toString();
        String model = cell.cell().candidate();
        if (!cell.isMeasured()) {
            return String.format(Locale.ROOT, "  %-7s%-14s", layout, model)
                    + cell.failure().map(Failure::why).orElse("not measured yet");
        }
        Spread rate = cell.spread(CompareResult.THROUGHPUT).orElseThrow();
        return row(
                layout,
                model,
                Figures.rate(rate.median()),
                Figures.rate(rate.min()) + " - " + Figures.rate(rate.max()),
                ratio(result.ofBaseline(cell)),
                ratio(result.ofBound(cell)),
                figure(cell, "output_tokens_per_s_per_device", Figures::rate),
                figure(cell, "ttft_p50_ms", Figures::millis),
                figure(cell, "tpot_p50_ms", Figures::millis),
                figure(cell, "comm_share", CompareTable::percent),
                figure(cell, "roofline_share", CompareTable::percent),
                cell.syncs().map(String::valueOf).orElse("-"));
    }

    private static String figure(CellResult cell, String name, java.util.function.Function<Double, String> print) {
        return cell.spread(name).map(Spread::median).map(print).orElse("-");
    }

    private static String ratio(Optional<Double> ratio) {
        return ratio.map(value -> String.format(Locale.ROOT, "%.2f", value)).orElse("-");
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.0f %%", share * 100);
    }

    private static String row(Object... cells) {
        return String.format(Locale.ROOT, LINE, cells);
    }
}
