package nighttrain.executor.request;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The answer to a {@link GenerationRequest}.
 *
 * @param id the request's id
 * @param tokens output token ids, without the stop token
 * @param finishReason why it ended
 * @param error present if and only if {@code finishReason} is {@link FinishReason#ERROR}
 * @param logprobs one entry per output token when asked for, else empty
 * @param promptLogprobs one entry per prompt token after the first when asked for, else empty
 * @param scores the log-probabilities asked for by {@link GenerationRequest#scores}, in their order
 * @param promptTokens tokens of the prompt
 * @param cachedPromptTokens those of {@code promptTokens} whose keys and values another request had left in the cache
 * @param submittedNanos {@link System#nanoTime} when the engine took the request
 * @param firstTokenNanos when the first output token was known; equals {@code finishedNanos} if there was none
 * @param finishedNanos when it ended
 */
public record Generation(
        long id,
        int[] tokens,
        FinishReason finishReason,
        Optional<RequestError> error,
        List<TokenLogprobs> logprobs,
        List<TokenLogprobs> promptLogprobs,
        List<Float> scores,
        int promptTokens,
        int cachedPromptTokens,
        long submittedNanos,
        long firstTokenNanos,
        long finishedNanos) {
    /**
     * Why a request could not be answered; other requests go on.
     *
     * @param kind a short name for grouping, such as {@code prompt_too_long}
     * @param message {@code what failed: value (limit; way out)}
     */
    public record RequestError(String kind, String message) {}

    /** Why a generation ended. */
    public enum FinishReason {
        /** A stop token or stop string. */
        STOP,
        /** The output reached {@code maxTokens} or the model's context. */
        LENGTH,
        /** The request could not be answered; see {@link Generation#error}. */
        ERROR;

        /** As written in the results: {@code stop}, {@code length}, {@code error}. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

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
}
