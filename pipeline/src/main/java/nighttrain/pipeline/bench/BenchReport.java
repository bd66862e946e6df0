package nighttrain.pipeline.bench;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.ModelFootprint;
import nighttrain.executor.Roofline;

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

    /**
     * Share of the devices' roofline that a round reached, 0 to 1: the least time for its tokens, batches as full as the engine
     * allows and prompts of middling length, over the time it took.
     */
    public Optional<Double> rooflineShare(Round round) {
        return roofline.map(best -> leastSeconds(best) / round.wallS());
    }

    private double leastSeconds(Roofline best) {
        Workload workload = options.workload();
        double length = (workload.shortest() + workload.longest()) / 2.0;
        int replicas = plan.replicas();
        double perReplica = (double) workload.numPrompts() / replicas;
        double waves = Math.ceil(perReplica / plan.maxNumSeqs());
        long batch = Math.round(perReplica / waves);
        double prefillSteps = perReplica * length / plan.maxBatchTokens();
        double prefill = prefillSteps * best.seconds(Roofline.Step.prefill(plan.maxBatchTokens(), length));
        double decode = (workload.outputLen() - 1)
                * best.seconds(Roofline.Step.decode(batch, length + workload.outputLen() / 2.0));
        return prefill + waves * decode;
    }
}
