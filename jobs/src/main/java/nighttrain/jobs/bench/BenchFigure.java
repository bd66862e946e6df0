package nighttrain.jobs.bench;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import nighttrain.io.table.Percentiles;

/**
 * One figure of every round of a benchmark; table and file follow pipeline's list of them.
 *
 * @param name with its unit, as in the file: {@code output_tokens_per_s}
 * @param values one per round, in order; null where there was nothing to measure
 */
record BenchFigure(String name, List<Double> values) {
    static List<BenchFigure> of(BenchReport report) {
        List<Map<String, Double>> rounds =
                report.rounds().stream().map(report::figures).toList();
        return rounds.get(0).keySet().stream()
                .map(name -> new BenchFigure(
                        name,
                        rounds.stream().map(round -> round.get(name)).collect(Collectors.toList()))) // may hold null
                .toList();
    }

    /** The middle one; null where a round has none. */
    Double median() {
        return values.contains(null)
                ? null
                : Percentiles.median(
                        values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    Double min() {
        return values.contains(null)
                ? null
                : values.stream().min(Double::compare).orElseThrow();
    }

    Double max() {
        return values.contains(null)
                ? null
                : values.stream().max(Double::compare).orElseThrow();
    }
}
