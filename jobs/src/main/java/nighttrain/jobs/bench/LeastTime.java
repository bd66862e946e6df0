package nighttrain.jobs.bench;

import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.Roofline;

/**
 * The least time that the devices of an engine could take for a round: batches as full as engine and load allow, prompts of
 * the mean length.
 */
final class LeastTime {
    private LeastTime() {}

    static double seconds(Roofline best, EnginePlan plan, Round round, int maxConcurrency) {
        double length = (double) round.promptTokens() / round.requests();
        double outputs = (double) round.outputTokens() / round.requests();
        double perReplica = (double) round.requests() / plan.replicas();
        double waves = Math.ceil(perReplica / most(plan, maxConcurrency));
        long batch = Math.max(1, Math.round(perReplica / waves));
        long prefillTokens = Math.min(plan.maxBatchTokens(), Math.round(batch * length));
        double prefill =
                perReplica * length / prefillTokens * best.seconds(Roofline.Step.prefill(prefillTokens, length));
        double decode = (outputs - 1) * best.seconds(Roofline.Step.decode(batch, length + outputs / 2));
        return prefill + waves * decode;
    }

    private static double most(EnginePlan plan, int maxConcurrency) {
        return maxConcurrency == 0
                ? plan.maxNumSeqs()
                : Math.min(plan.maxNumSeqs(), Math.max(1.0, (double) maxConcurrency / plan.replicas()));
    }
}
