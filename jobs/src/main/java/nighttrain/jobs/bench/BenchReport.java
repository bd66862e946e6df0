package nighttrain.jobs.bench;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.executor.perf.Roofline;

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
}
