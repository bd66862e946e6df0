package nighttrain.jobs.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToLongFunction;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.Roofline;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.io.table.Percentiles;

/**
 * Counts and times of one round.
 *
 * @param requests answered requests
 * @param wallS time from the first offer to the last answer, in seconds
 * @param promptTokens prompt tokens of all requests
 * @param cachedPromptTokens prompt tokens found in the prefix cache: 0, as prompts share no prefix
 * @param outputTokens output tokens of all requests
 * @param steps forward passes, over all replicas
 * @param preemptions times that a sequence had to give back its pages
 * @param stepS time spent in steps, in seconds, added over replicas
 * @param busyS time during which devices worked, in seconds, added over replicas
 * @param commS time during which ranks waited for all-reduces, in seconds, added over replicas
 * @param ttftMs time from submission to the engine to the first token, in ms
 * @param tpotMs time per output token after the first, in ms; nulls where each output has one token
 * @param e2eMs time from submission to the engine to the last token, in ms
 */
public record Round(
        int requests,
        double wallS,
        long promptTokens,
        long cachedPromptTokens,
        long outputTokens,
        long steps,
        long preemptions,
        double stepS,
        double busyS,
        double commS,
        Percentiles ttftMs,
        Percentiles tpotMs,
        Percentiles e2eMs) {
    private static final double NANOS_PER_MS = 1e6;
    private static final double NANOS_PER_S = 1e9;

    static Round of(List<Generation> answers, long wallNanos, EngineStats before, EngineStats after) {
        return new Round(
                answers.size(),
                wallNanos / NANOS_PER_S,
                sum(answers, Generation::promptTokens),
                sum(answers, Generation::cachedPromptTokens),
                sum(answers, answer -> answer.tokens().length),
                after.steps().count() - before.steps().count(),
                after.preemptions() - before.preemptions(),
                (after.steps().nanos() - before.steps().nanos()) / NANOS_PER_S,
                (after.steps().busyNanos() - before.steps().busyNanos()) / NANOS_PER_S,
                (after.steps().commNanos() - before.steps().commNanos()) / NANOS_PER_S,
                Percentiles.of(answers.stream().mapToDouble(Round::ttftMs)),
                Percentiles.of(answers.stream()
                        .filter(answer -> answer.tokens().length > 1)
                        .mapToDouble(Round::tpotMs)),
                Percentiles.of(answers.stream().mapToDouble(Round::e2eMs)));
    }

    /** Prompt and output tokens. */
    public long totalTokens() {
        return promptTokens + outputTokens;
    }

    /** Share of step time during which ranks waited for all-reduces, 0 to 1. */
    public double commShare() {
        return stepS > 0 ? commS / stepS : 0;
    }

    /** Share of the round during which the devices of {@code replicas} replicas were idle, 0 to 1. */
    public double idleShare(int replicas) {
        return Math.max(0, 1 - busyS / replicas / wallS);
    }

    private static long sum(List<Generation> answers, ToLongFunction<Generation> tokens) {
        return answers.stream().mapToLong(tokens).sum();
    }

    private static double ttftMs(Generation answer) {
        return (answer.firstTokenNanos() - answer.submittedNanos()) / NANOS_PER_MS;
    }

    private static double tpotMs(Generation answer) {
        return (answer.finishedNanos() - answer.firstTokenNanos()) / NANOS_PER_MS / (answer.tokens().length - 1);
    }

    private static double e2eMs(Generation answer) {
        return (answer.finishedNanos() - answer.submittedNanos()) / NANOS_PER_MS;
    }

    /** The figures of a round by name; names carry units. Every table and file follows this one list. */
    public static final class RoundFigures {
        private final Map<String, Double> figures = new LinkedHashMap<>();
        private final Round round;

        private RoundFigures(Round round) {
            this.round = round;
        }

        /**
         * Returns the figures of a round; null where there was nothing to measure.
         *
         * @param plan sizes of the engine that ran the round
         * @param roofline the best that its devices could do, where that is known
         * @param maxConcurrency most requests in flight at once in its workload
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
         * The least time that the devices of an engine could take for a round: batches are as full as the engine and the workload allow, and prompts
         * have the mean length.
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
                double prefill = perReplica
                        * length
                        / prefillTokens
                        * best.seconds(Roofline.Step.prefill(prefillTokens, length));
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
}
