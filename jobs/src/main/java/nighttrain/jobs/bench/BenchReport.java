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
 * What a benchmark came to.
 *
 * @param options what was asked for
 * @param plan what the engine settled on
 * @param footprint what the model weighs and how often its ranks meet
 * @param modelFingerprint names the model's content
 * @param openS time to open the engine, in seconds
 * @param roofline what the devices could do at best, where that is known
 * @param rounds the measured ones, at least one, in order
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

    /** Devices that worked: ranks of all replicas. */
    public int devices() {
        return plan.replicas() * plan.ranks();
    }

    /** Every figure of a round, by name; null where there was nothing to measure. */
    public Map<String, Double> figures(Round round) {
        return RoundFigures.of(round, plan, roofline, options.workload().maxConcurrency());
    }

    /**
     * One figure of every round of a benchmark; table and file follow pipeline's list of them.
     *
     * @param name with its unit, as in the file: {@code output_tokens_per_s}
     * @param values one per round, in order; null where there was nothing to measure
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
                                    .collect(Collectors.toList()))) // may hold null
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
}
