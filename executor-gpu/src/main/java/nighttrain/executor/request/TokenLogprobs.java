package nighttrain.executor.request;

import java.util.List;

/**
 * Log-probabilities at one output position, from the raw logits (before temperature, penalties and filters).
 *
 * @param token the token that was sampled
 * @param logprob its natural-log probability
 * @param likeliest the likeliest tokens, best first
 */
public record TokenLogprobs(int token, float logprob, List<Candidate> likeliest) {
    /** A token that could have been sampled, with its natural-log probability. */
    public record Candidate(int token, float logprob) {}
}
