package nighttrain.executor.request;

import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Counters of an engine, or of one of its replicas, since it was opened, read at one moment.
 *
 * @param running sequences in the current steps
 * @param waiting requests taken but not yet running
 * @param promptTokens tokens prefilled or found in the prefix cache, of requests that finished
 * @param cachedPromptTokens of these, found in the prefix cache
 * @param outputTokens tokens generated, with the end tokens that results leave out
 * @param finished requests answered, errors included
 * @param preemptions times that a sequence had to give its pages back
 * @param steps forward passes
 * @param stepNanos time spent in them
 * @param busyNanos time that devices worked on steps, rank 0 of each replica
 * @param commNanos of which ranks waited for one another's sums
 * @param kvUsed pages holding a running sequence
 * @param kvPages pages in all
 * @param expertTokens tokens of all experts, of all layers with experts
 * @param busiestTokens what these would be if every expert of a layer and step had as many tokens as the busiest one
 */
public record EngineStats(
        int running,
        int waiting,
        long promptTokens,
        long cachedPromptTokens,
        long outputTokens,
        long finished,
        long preemptions,
        long steps,
        long stepNanos,
        long busyNanos,
        long commNanos,
        int kvUsed,
        int kvPages,
        long expertTokens,
        long busiestTokens) {
    /** Of an engine whose model has no experts. */
    public EngineStats(
            int running,
            int waiting,
            long promptTokens,
            long cachedPromptTokens,
            long outputTokens,
            long finished,
            long preemptions,
            long steps,
            long stepNanos,
            long busyNanos,
            long commNanos,
            int kvUsed,
            int kvPages) {
        this(
                running,
                waiting,
                promptTokens,
                cachedPromptTokens,
                outputTokens,
                finished,
                preemptions,
                steps,
                stepNanos,
                busyNanos,
                commNanos,
                kvUsed,
                kvPages,
                0,
                0);
    }

    /** Tokens of the busiest expert over those of the average one since {@code earlier}, 1 where all have as many; none without experts. */
    public OptionalDouble expertImbalance(EngineStats earlier) {
        long tokens = expertTokens - earlier.expertTokens;
        return tokens == 0
                ? OptionalDouble.empty()
                : OptionalDouble.of((double) (busiestTokens - earlier.busiestTokens) / tokens);
    }

    /** Both together. */
    public EngineStats plus(EngineStats other) {
        return new EngineStats(
                running + other.running,
                waiting + other.waiting,
                promptTokens + other.promptTokens,
                cachedPromptTokens + other.cachedPromptTokens,
                outputTokens + other.outputTokens,
                finished + other.finished,
                preemptions + other.preemptions,
                steps + other.steps,
                stepNanos + other.stepNanos,
                busyNanos + other.busyNanos,
                commNanos + other.commNanos,
                kvUsed + other.kvUsed,
                kvPages + other.kvPages,
                expertTokens + other.expertTokens,
                busiestTokens + other.busiestTokens);
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
