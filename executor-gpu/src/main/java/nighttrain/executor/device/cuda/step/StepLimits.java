package nighttrain.executor.device.cuda.step;

/**
 * The largest step that a device prepares for.
 *
 * @param tokens most tokens in a step
 * @param sequences most sequences in a step
 * @param samples most tokens sampled or scored in a step
 * @param pagesPerSequence most pages of one sequence
 * @param pageTokens tokens in a page
 */
public record StepLimits(int tokens, int sequences, int samples, int pagesPerSequence, int pageTokens) {}
