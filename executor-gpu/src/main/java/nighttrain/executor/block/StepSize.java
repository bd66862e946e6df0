package nighttrain.executor.block;

/**
 * What a step computes.
 *
 * @param tokens in all
 * @param samples tokens sampled
 * @param keys positions whose keys and values are read, over all sequences
 * @param pairs of a token and a position that it sees
 */
public record StepSize(long tokens, long samples, double keys, double pairs) {}
