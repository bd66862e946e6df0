package nighttrain.pipeline.bench;

import java.util.List;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.ModelFootprint;

/**
 * What a benchmark came to.
 *
 * @param options what was asked for
 * @param plan what the engine settled on
 * @param footprint what the model weighs and how often its ranks meet
 * @param modelFingerprint names the model's content
 * @param rounds the measured ones, at least one, in order
 */
public record BenchReport(
        BenchOptions options, EnginePlan plan, ModelFootprint footprint, String modelFingerprint, List<Round> rounds) {
    public BenchReport {
        rounds = List.copyOf(rounds);
    }

    /** Devices that worked: ranks of all replicas. */
    public int devices() {
        return plan.replicas() * plan.ranks();
    }
}
