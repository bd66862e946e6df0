package nighttrain.executor.schedule;

/**
 * Bounds of one step.
 *
 * @param maxSequences most sequences that run at once
 * @param maxTokens most tokens in a step, prefill and decode together; at least {@code maxSequences}
 * @param maxScored most prompt tokens whose log-probabilities are taken in one step: each needs a row of logits
 * @param maxModelLen longest sequence, prompt and output together
 */
public record StepBudget(int maxSequences, int maxTokens, int maxScored, int maxModelLen) {}
