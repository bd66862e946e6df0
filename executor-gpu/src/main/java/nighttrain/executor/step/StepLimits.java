package nighttrain.executor.step;

/**
 * Bounds of one step. The scheduler keeps to them, and devices allocate for them.
 *
 * @param maxSequences most sequences in a step
 * @param maxTokens most tokens in a step, prefill and decode together; at least {@code maxSequences}
 * @param maxScored most log-probabilities of given tokens in one step: each needs a row of logits
 * @param maxModelLen longest sequence, prompt and output together
 */
public record StepLimits(int maxSequences, int maxTokens, int maxScored, int maxModelLen) {
    /** Most tokens sampled or scored in a step. */
    public int maxSamples() {
        return maxSequences + maxScored;
    }
}
