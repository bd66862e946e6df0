package nighttrain.executor.request;

import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Counters of an engine, or of one of its replicas, since it was opened, read at one moment.
 *
 * @param running sequences in the current steps
 * @param waiting requests taken but not yet running
 * @param finished requests answered, errors included
 * @param preemptions times that a sequence had to give its pages back
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
     * @param cachedPrompt of these, found in the prefix cache
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
     * @param busyNanos time that devices worked on them, rank 0 of each replica
     * @param commNanos of which ranks waited for one another's all-reduces
     */
    public record Steps(long count, long nanos, long busyNanos, long commNanos) {
        private Steps plus(Steps other) {
            return new Steps(
                    count + other.count, nanos + other.nanos, busyNanos + other.busyNanos, commNanos + other.commNanos);
        }
    }

    /**
     * Pages of KV cache now.
     *
     * @param used holding a running sequence
     * @param all in all
     */
    public record Pages(int used, int all) {
        private Pages plus(Pages other) {
            return new Pages(used + other.used, all + other.all);
        }
    }

    /**
     * Tokens that experts were given.
     *
     * @param tokens of all experts, of all layers with experts
     * @param busiestTokens what these would be if every expert of a layer and step had as many tokens as the busiest one
     */
    public record Experts(long tokens, long busiestTokens) {
        /** Of a model without experts. */
        public static final Experts NONE = new Experts(0, 0);

        private Experts plus(Experts other) {
            return new Experts(tokens + other.tokens, busiestTokens + other.busiestTokens);
        }
    }

    /** Tokens of the busiest expert over those of the average one since {@code earlier}, 1 where all have as many; none without experts. */
    public OptionalDouble expertImbalance(EngineStats earlier) {
        long all = experts.tokens - earlier.experts.tokens;
        return all == 0
                ? OptionalDouble.empty()
                : OptionalDouble.of((double) (experts.busiestTokens - earlier.experts.busiestTokens) / all);
    }

    /** Both together. */
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
     * What one GPU of an engine says of itself at one moment, as {@code nvidia-smi} shows it: other processes on the same GPU count
     * too. Each value may be missing where the GPU does not tell (a MIG slice tells no utilization).
     *
     * @param device the GPU's number, as the driver counts them
     * @param utilization share of the driver's last sampling period, a second at most, in which a kernel ran, 0 to 1
     * @param memoryBytes memory in use
     * @param watts power drawn
     */
    public record DeviceReading(
            int device, OptionalDouble utilization, OptionalLong memoryBytes, OptionalDouble watts) {}
}
