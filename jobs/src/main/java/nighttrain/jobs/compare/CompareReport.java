package nighttrain.jobs.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import nighttrain.executor.Layout;
import nighttrain.jobs.compare.CompareResult.CellResult;
import nighttrain.jobs.compare.CompareResult.CellResult.Spread;
import nighttrain.jobs.compare.CompareResult.Failure;
import nighttrain.jobs.compare.Comparison.Candidate;
import nighttrain.pipeline.job.Versions;
import nighttrain.pipeline.report.Block;
import nighttrain.pipeline.report.Block.Prose;
import nighttrain.pipeline.report.Numbers;
import nighttrain.pipeline.report.Page;
import nighttrain.pipeline.report.Page.Section;
import nighttrain.pipeline.report.Table;
import nighttrain.pipeline.report.Table.Column;

/** The report of a comparison as a page: findings in words, then charts, then every figure. */
final class CompareReport {
    private final CompareResult result;
    private final Charts pictures;

    private CompareReport(CompareResult result) {
        this.result = result;
        this.pictures = new Charts(result);
    }

    static String of(CompareResult result) {
        return new CompareReport(result).page().render();
    }

    private Page page() {
        List<Section> sections = new ArrayList<>();
        sections.add(new Section("What was found", "", prose(Findings.of(result))));
        sections.add(new Section("Throughput", pictures.baseline(), List.of(pictures.throughput())));
        sections.add(new Section(
                "Latency",
                "Median of the rounds' medians; the marks show the least and the most of all rounds.",
                List.of(pictures.ttft(), pictures.tpot())));
        sections.add(new Section(
                "Communication",
                "What it takes of the time, and how near a model comes to itself with every all-reduce left out.",
                pictures.communication()));
        pictures.roofline().ifPresent(chart -> sections.add(new Section("Roofline", "", List.of(chart))));
        result.comparison().published().forEach(table -> sections.add(new PublishedFigures(result, table).section()));
        sections.add(new Section("Drift", Charts.DRIFT, List.of(pictures.drift())));
        sections.add(new Section("Every cell", "", List.of(cells())));
        sections.add(new Section("How it was measured", how(), List.of(models(), settings())));
        return new Page(
                result.comparison().title(),
                contents(),
                sections,
                Versions.withoutSpark().entrySet().stream()
                        .map(version -> version.getKey() + " " + version.getValue())
                        .collect(Collectors.joining(", ")));
    }

    private String contents() {
        Comparison comparison = result.comparison();
        return comparison.candidates().stream().map(Candidate::name).collect(Collectors.joining(", ")) + " on "
                + comparison.layouts().stream().map(Layout::toString).collect(Collectors.joining(", "))
                + " (replicas x ranks), " + result.machine() + ".";
    }

    private static List<Block> prose(List<String> sentences) {
        return sentences.isEmpty()
                ? List.of(new Prose("Too little was measured to say anything."))
                : sentences.stream().<Block>map(Prose::new).toList();
    }

    private Table cells() {
        List<Column> columns = new ArrayList<>(
                List.of(Column.text("model and layout"), Column.text("workload"), Column.figures("rounds")));
        List.of(
                        "output tokens/s",
                        "min",
                        "max",
                        "of 1.0",
                        "of own bound",
                        "per device",
                        "TTFT p50, ms",
                        "TTFT p99, ms",
                        "TPOT p50, ms",
                        "E2E p50, ms",
                        "communication",
                        "roofline",
                        "all-reduces per pass")
                .forEach(name -> columns.add(Column.figures(name)));
        columns.add(Column.text("why not"));
        return new Table("", columns, result.cells().stream().map(this::row).toList());
    }

    private List<String> row(CellResult cell) {
        List<String> row = new ArrayList<>(List.of(
                cell.cell().visit().toString(),
                cell.cell().workload(),
                String.valueOf(cell.rounds().size())));
        row.add(Numbers.figure(median(cell, CompareResult.THROUGHPUT)));
        row.add(Numbers.figure(
                cell.spread(CompareResult.THROUGHPUT).map(Spread::min).orElse(Double.NaN)));
        row.add(Numbers.figure(
                cell.spread(CompareResult.THROUGHPUT).map(Spread::max).orElse(Double.NaN)));
        row.add(Numbers.figure(result.ofBaseline(cell).orElse(Double.NaN)));
        row.add(Numbers.figure(result.ofBound(cell).orElse(Double.NaN)));
        List.of("output_tokens_per_s_per_device", "ttft_p50_ms", "ttft_p99_ms", "tpot_p50_ms", "e2e_p50_ms")
                .forEach(figure -> row.add(Numbers.figure(median(cell, figure))));
        List.of("comm_share", "roofline_share").forEach(figure -> row.add(Numbers.percent(median(cell, figure))));
        row.add(cell.syncs().map(String::valueOf).orElse(""));
        row.add(cell.failure().map(Failure::why).orElse(cell.isMeasured() ? "" : "not measured yet"));
        return row;
    }

    private static double median(CellResult cell, String figure) {
        return cell.spread(figure).map(Spread::median).orElse(Double.NaN);
    }

    private String how() {
        Comparison comparison = result.comparison();
        return "Every engine was opened, warmed up and measured once a round, one after the other, "
                + comparison.measuring().rounds()
                + " times over, so that a machine that slows down slows down for all. Every engine was asked the same prompts."
                + " Opening is in no figure.";
    }

    private Table models() {
        List<List<String>> rows = new ArrayList<>();
        for (Candidate candidate : result.comparison().candidates()) {
            result.rounds().stream()
                    .filter(round -> round.cell().candidate().equals(candidate.name()))
                    .findFirst()
                    .map(FinishedRound::engine)
                    .ifPresent(engine -> rows.add(List.of(
                            candidate.name(),
                            engine.footprint().architecture(),
                            Numbers.count(engine.footprint().parameters()),
                            String.valueOf(engine.footprint().blockingSyncs()),
                            String.valueOf(engine.footprint().overlappedSyncs()),
                            candidate.model().toString())));
        }
        return new Table(
                "Models",
                List.of(
                        Column.text("name"),
                        Column.text("architecture"),
                        Column.figures("parameters"),
                        Column.figures("all-reduces per pass that are waited for"),
                        Column.figures("overlapped"),
                        Column.text("directory")),
                rows);
    }

    private Table settings() {
        Map<String, String> facts = new LinkedHashMap<>(result.comparison().facts());
        facts.put("machine", result.machine());
        return Table.of("Settings", "name", "value", facts);
    }
}
