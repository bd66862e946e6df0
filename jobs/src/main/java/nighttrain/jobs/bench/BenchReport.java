package nighttrain.jobs.bench;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.executor.perf.Roofline;
import nighttrain.io.table.Percentiles;
import nighttrain.jobs.bench.Round.RoundFigures;

/**
 * The result of a benchmark.
 *
 * @param options settings of the benchmark
 * @param plan sizes that the engine chose
 * @param footprint size of the model and number of its all-reduces
 * @param modelFingerprint fingerprint of the model's content
 * @param openS time to open the engine, in seconds
 * @param roofline the best that the devices could do, where that is known
 * @param rounds measured rounds, at least one, in order
 */
public record BenchReport(
        BenchOptions options,
        EnginePlan plan,
        ModelFootprint footprint,
        String modelFingerprint,
        double openS,
        Optional<Roofline> roofline,
        List<Round> rounds) {
    public BenchReport {
        rounds = List.copyOf(rounds);
    }

    /** Number of devices: ranks of all replicas. */
    public int devices() {
        return plan.replicas() * plan.ranks();
    }

    /** Returns every figure of a round by name; null where there was nothing to measure. */
    public Map<String, Double> figures(Round round) {
        return RoundFigures.of(round, plan, roofline, options.workload().maxConcurrency());
    }

    /**
     * One figure over all rounds of a benchmark; the table and the file follow the list of {@link Round.RoundFigures}.
     *
     * @param name name with its unit, as in the file: {@code output_tokens_per_s}
     * @param values one value per round, in order; null where there was nothing to measure
     */
    record Figure(String name, List<Double> values) {
        static List<Figure> of(BenchReport report) {
            List<Map<String, Double>> rounds =
                    report.rounds().stream().map(report::figures).toList();
            return rounds.get(0).keySet().stream()
                    .map(name -> new Figure(
                            name,
                            rounds.stream()
                                    .map(round -> round.get(name))
                                    .collect(Collectors.toList()))) // a value may be null
                    .toList();
        }

        /** Returns the median over the rounds; null where a round has no value. */
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
}
