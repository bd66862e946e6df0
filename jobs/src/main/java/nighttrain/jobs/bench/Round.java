package nighttrain.jobs.bench;

import java.util.List;
import java.util.function.ToLongFunction;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.Generation;
import nighttrain.io.table.Percentiles;

/**
 * What one round came to.
 *
 * @param requests answered
 * @param wallS first offer to last answer, in seconds
 * @param promptTokens of all requests
 * @param cachedPromptTokens of these, found in the prefix cache: 0, as prompts share no prefix
 * @param outputTokens of all requests
 * @param steps forward passes, over all replicas
 * @param preemptions times that a sequence had to give its pages back
 * @param stepS time in steps, in seconds, added over replicas
 * @param busyS of which devices worked
 * @param commS of which ranks waited for one another's sums
 * @param ttftMs submission to the engine to first token, in ms
 * @param tpotMs time per output token after the first, in ms; nulls where each output is one token
 * @param e2eMs submission to the engine to last token, in ms
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
                after.steps() - before.steps(),
                after.preemptions() - before.preemptions(),
                (after.stepNanos() - before.stepNanos()) / NANOS_PER_S,
                (after.busyNanos() - before.busyNanos()) / NANOS_PER_S,
                (after.commNanos() - before.commNanos()) / NANOS_PER_S,
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

    /** Share of step time that ranks waited for one another, 0 to 1. */
    public double commShare() {
        return stepS > 0 ? commS / stepS : 0;
    }

    /** Share of the round that {@code replicas} replicas' devices stood idle, 0 to 1. */
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
}
