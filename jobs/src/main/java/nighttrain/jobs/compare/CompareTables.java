package nighttrain.jobs.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.pipeline.job.JobFolder;
import org.apache.hadoop.fs.Path;

/** A comparison as Parquet: a line for every cell in {@code results}, one for every round in {@code metrics}. */
final class CompareTables {
    private CompareTables() {}

    static void write(CompareResult result, JobFolder folder) {
        Path scratch = folder.scratch("compare", "table.parquet");
        ParquetTable.write(cells(result), scratch, folder.fs().getConf());
        folder.replace(scratch, new Path(folder.results(), "cells.parquet"));
        if (!result.rounds().isEmpty()) { // Parquet has no tables without columns
            ParquetTable.write(rounds(result), scratch, folder.fs().getConf());
            folder.replace(scratch, new Path(folder.metrics(), "rounds.parquet"));
        }
    }

    static List<Map<String, Object>> cells(CompareResult result) {
        List<String> figures = result.rounds().stream()
                .flatMap(round -> round.figures().keySet().stream())
                .distinct()
                .toList();
        List<Map<String, Object>> lines = new ArrayList<>();
        for (NamedWorkload load : result.comparison().loads()) {
            for (Visit visit : result.comparison().visits()) {
                CellResult cell = result.cell(new Cell(visit, load.name()));
                Map<String, Object> line = Columns.of(cell.cell());
                line.putAll(Columns.of(load));
                line.putAll(Columns.of(cell.engine()));
                line.put("rounds", (long) cell.rounds().size());
                line.put("of_baseline", result.ofBaseline(cell).orElse(null));
                line.put("of_bound", visit.bound() ? null : result.ofBound(cell).orElse(null));
                figures.forEach(figure -> putSpread(line, figure, cell.spread(figure)));
                line.put("error", cell.failure().map(Failure::why).orElse(null));
                lines.add(line);
            }
        }
        return lines;
    }

    private static void putSpread(Map<String, Object> line, String figure, Optional<Spread> spread) {
        line.put(figure, spread.map(Spread::median).orElse(null));
        line.put(figure + "_min", spread.map(Spread::min).orElse(null));
        line.put(figure + "_max", spread.map(Spread::max).orElse(null));
    }

    static List<Map<String, Object>> rounds(CompareResult result) {
        List<Map<String, Object>> lines = new ArrayList<>();
        for (FinishedRound round : result.rounds()) {
            Map<String, Object> line = new LinkedHashMap<>(Columns.of(round.cell()));
            line.putAll(Columns.of(Optional.of(round.engine())));
            line.put("round", (long) round.round());
            line.put("at_ms", round.at());
            line.put("open_s", round.engine().openS());
            line.put("requests", (long) round.measured().requests());
            line.put("prompt_tokens", round.measured().promptTokens());
            line.put("cached_prompt_tokens", round.measured().cachedPromptTokens());
            line.put("output_tokens", round.measured().outputTokens());
            line.put("steps", round.measured().steps());
            line.put("preemptions", round.measured().preemptions());
            line.putAll(round.figures());
            lines.add(line);
        }
        return lines;
    }
}
