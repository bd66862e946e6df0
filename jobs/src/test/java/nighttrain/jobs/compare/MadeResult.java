package nighttrain.jobs.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.Layout;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.table.Percentiles;
import nighttrain.jobs.bench.Round;
import nighttrain.jobs.bench.Workload.RandomWorkload;
import nighttrain.jobs.compare.Cell.Visit;
import nighttrain.jobs.compare.CompareResult.Failure;
import nighttrain.jobs.compare.Comparison.Candidate;
import nighttrain.jobs.compare.Comparison.Measuring;
import nighttrain.jobs.compare.Comparison.PublishedTable;
import nighttrain.jobs.compare.FinishedRound.Opened;

/** Builds a comparison from given figures instead of measured rounds. */
final class MadeResult {
    static final String WORKLOAD = "1024/128";

    private final List<FinishedRound> rounds = new ArrayList<>();
    private final Map<Cell, Failure> failures = new LinkedHashMap<>();
    private final List<PublishedTable> published = new ArrayList<>();

    /** Adds rounds of a cell, in output tokens per second. */
    MadeResult with(String candidate, String layout, double... tokensPerS) {
        return with(candidate, layout, false, tokensPerS);
    }

    /** Adds rounds without all-reduces, in output tokens per second. */
    MadeResult bound(String candidate, String layout, double... tokensPerS) {
        return with(candidate, layout, true, tokensPerS);
    }

    private MadeResult with(String candidate, String layout, boolean bound, double... tokensPerS) {
        Cell cell = new Cell(new Visit(candidate, Layout.parse(layout), bound), WORKLOAD);
        for (int i = 0; i < tokensPerS.length; i++) {
            rounds.add(round(cell, i + 1, tokensPerS[i]));
        }
        return this;
    }

    MadeResult failed(String candidate, String layout, String why) {
        failures.put(new Cell(new Visit(candidate, Layout.parse(layout), false), WORKLOAD), new Failure(why, true));
        return this;
    }

    MadeResult published(PublishedTable table) {
        published.add(table);
        return this;
    }

    CompareResult result() {
        Comparison comparison = new Comparison(
                "made",
                "Made <up>",
                List.of(new Candidate("dense", Path.of("a")), new Candidate("track-d8", Path.of("b"))),
                List.of(Layout.parse("1x4"), Layout.parse("4x1")),
                List.of(new NamedWorkload(WORKLOAD, new RandomWorkload(256, 1024, 0, 128, 0, 0))),
                new Measuring(EngineConfig.defaults(), true, 1, 2, 0, true),
                published,
                Map.of("maxNumSeqs", "256"));
        return new CompareResult(comparison, "a machine", rounds, failures);
    }

    private static FinishedRound round(Cell cell, int round, double tokensPerS) {
        Map<String, Double> figures = new LinkedHashMap<>();
        figures.put(CompareResult.THROUGHPUT, tokensPerS);
        figures.put("ttft_p50_ms", 100_000 / tokensPerS);
        figures.put("tpot_p50_ms", 10_000 / tokensPerS);
        figures.put("comm_share", 0.2);
        figures.put("roofline_share", null);
        return new FinishedRound(cell, round, 0, engine(cell), counts(), figures);
    }

    private static Opened engine(Cell cell) {
        Layout layout = cell.layout();
        return new Opened(
                "fingerprint",
                new ModelFootprint("dense", 1_000, 1_000, 16, 0, 8, 0, 64),
                new EnginePlan(
                        Backend.CUDA, "dense", layout.replicas(), layout.ranks(), 256, 8192, 4096, 16, 64, true, 1),
                4.2);
    }

    private static Round counts() {
        Percentiles times = new Percentiles(1.0, 2.0, 3.0);
        return new Round(1, 1, 1, 0, 1, 1, 0, 1, 1, 0, times, times, times);
    }
}
