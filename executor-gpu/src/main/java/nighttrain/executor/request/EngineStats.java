package nighttrain.executor.request;

import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Counters of an engine, or of one of its replicas, since it was opened, read at one moment.
 *
 * @param running sequences in the current steps
 * @param waiting requests taken but not yet running
 * @param finished requests answered, errors included
 * @param preemptions times that a running sequence lost its pages and had to be computed again
 * @param tokens prefilled and generated
 * @param steps forward passes
 * @param pages of the KV cache
 * @param experts how evenly tokens were spread; {@link Experts#NONE} where the model has none
 */
public record EngineStats(
        int running,
        int waiting,
        long finished,
        long preemptions,
        Tokens tokens,
        Steps steps,
        Pages pages,
        Experts experts) {
    /**
     * Tokens of requests.
     *
     * @param prompt tokens prefilled or found in the prefix cache, of requests that finished
     * @param cachedPrompt those of {@code prompt} that were found in the prefix cache
     * @param output tokens generated, with the end tokens that results leave out
     */
    public record Tokens(long prompt, long cachedPrompt, long output) {
        private Tokens plus(Tokens other) {
            return new Tokens(prompt + other.prompt, cachedPrompt + other.cachedPrompt, output + other.output);
        }
    }

    /**
     * Steps so far.
     *
     * @param count how many
     * @param nanos time spent in them
     * @param busyNanos time that rank 0's device of each replica worked on steps
     * @param commNanos part of {@code busyNanos} that rank 0 of each replica spent in communication, waits for other ranks included
     */
    public record Steps(long count, long nanos, long busyNanos, long commNanos) {
        private Steps plus(Steps other) {
            return new Steps(
                    count + other.count, nanos + other.nanos, busyNanos + other.busyNanos, commNanos + other.commNanos);
        }
    }

    /**
     * Pages of the KV cache at one moment.
     *
     * @param used pages that running sequences use
     * @param all pages in total
     */
    public record Pages(int used, int all) {
        private Pages plus(Pages other) {
            return new Pages(used + other.used, all + other.all);
        }
    }

    /**
     * Tokens routed to experts.
     *
     * @param tokens tokens of all experts, summed over all layers with experts
     * @param busiestTokens {@code tokens} if every expert of a layer and step had as many as the busiest one
     */
    public record Experts(long tokens, long busiestTokens) {
        /** Counters of a model without experts. */
        public static final Experts NONE = new Experts(0, 0);

        private Experts plus(Experts other) {
            return new Experts(tokens + other.tokens, busiestTokens + other.busiestTokens);
        }
    }

    /**
     * Returns tokens of the busiest expert over tokens of the average one since {@code earlier}: 1 if all have the same number; none without experts.
     */
    public OptionalDouble expertImbalance(EngineStats earlier) {
        long all = experts.tokens - earlier.experts.tokens;
        return all == 0
                ? OptionalDouble.empty()
                : OptionalDouble.of((double) (experts.busiestTokens - earlier.experts.busiestTokens) / all);
    }

    /** Returns the sums of both. */
    public EngineStats plus(EngineStats other) {
        return new EngineStats(
                running + other.running,
                waiting + other.waiting,
                finished + other.finished,
                preemptions + other.preemptions,
                tokens.plus(other.tokens),
                steps.plus(other.steps),
                pages.plus(other.pages),
                experts.plus(other.experts));
    }

    /**
     * A reading of one GPU of an engine at one moment, as {@code nvidia-smi} shows it: other processes on the same GPU count, too. A value is missing
     * if the GPU does not report it (a MIG slice reports no utilization).
     *
     * @param device the GPU's number, as the driver counts them
     * @param utilization share of the driver's last sampling period, a second at most, in which a kernel ran, 0 to 1
     * @param memoryBytes memory in use
     * @param watts power drawn
     */
    public record DeviceReading(
            int device, OptionalDouble utilization, OptionalLong memoryBytes, OptionalDouble watts) {}
}
