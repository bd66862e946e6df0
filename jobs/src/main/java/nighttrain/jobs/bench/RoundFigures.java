package nighttrain.jobs.bench;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.Roofline;
import nighttrain.io.table.Percentiles;

/** The figures of a round by their names, which have their units in them: the one list that every table and file follows. */
public final class RoundFigures {
    private final Map<String, Double> figures = new LinkedHashMap<>();
    private final Round round;

    private RoundFigures(Round round) {
        this.round = round;
    }

    /**
     * What a round came to; null where there was nothing to measure.
     *
     * @param plan of the engine that ran it
     * @param roofline what its devices could do at best, where that is known
     * @param maxConcurrency of its load
     */
    public static Map<String, Double> of(
            Round round, EnginePlan plan, Optional<Roofline> roofline, int maxConcurrency) {
        RoundFigures all = new RoundFigures(round);
        int devices = plan.replicas() * plan.ranks();
        all.figures.put("wall_s", round.wallS());
        all.rates("requests", round.requests(), devices);
        all.rates("output_tokens", round.outputTokens(), devices);
        all.rates("total_tokens", round.totalTokens(), devices);
        all.times("ttft", round.ttftMs());
        all.times("tpot", round.tpotMs());
        all.times("e2e", round.e2eMs());
        all.figures.put("comm_share", round.commShare());
        all.figures.put("idle_share", round.idleShare(plan.replicas()));
        all.figures.put(
                "roofline_share",
                roofline.map(best -> LeastTime.seconds(best, plan, round, maxConcurrency) / round.wallS())
                        .orElse(null));
        return all.figures;
    }

    private void rates(String what, long count, int devices) {
        double perSecond = count / round.wallS();
        figures.put(what + "_per_s", perSecond);
        figures.put(what + "_per_s_per_device", perSecond / devices);
    }

    private void times(String what, Percentiles times) {
        figures.put(what + "_p50_ms", times.p50());
        figures.put(what + "_p90_ms", times.p90());
        figures.put(what + "_p99_ms", times.p99());
    }

    /**
     * The least time that the devices of an engine could take for a round: batches as full as engine and load allow, prompts of
     * the mean length.
     */
    private static final class LeastTime {
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
}
