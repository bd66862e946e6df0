package nighttrain.executor.request;

import java.io.Serializable;
import nighttrain.io.UserError;

/**
 * How the next token is sampled: penalties, temperature, top-k, top-p, min-p, always in this order (that of Hugging Face transformers), each applied
 * to the result of the one before: top-p counts shares of the tokens that top-k kept, and min-p drops tokens that top-p kept. Of equally likely
 * tokens at the cut-off of top-k or top-p, the lower ids stay.
 *
 * @param maxTokens most tokens to generate, at least 1
 * @param temperature 0 is greedy; otherwise logits are divided by it
 * @param filter which tokens can be sampled
 * @param penalties for tokens seen before
 * @param logprobs log-probabilities to return per output token: -1: none; 0: the sampled token's; k: also those of the k most likely tokens
 * @param promptLogprobs return the log-probability of every prompt token after the first, given those before; for requests without
 *     scores
 * @param ignoreEos ignore stop tokens, and generate up to {@code maxTokens}
 */
public record SamplingParams(
        int maxTokens,
        double temperature,
        Filter filter,
        Penalties penalties,
        int logprobs,
        boolean promptLogprobs,
        boolean ignoreEos)
        implements Serializable {
    /** The most log-probabilities that a request may ask for. */
    public static final int MAX_LOGPROBS = 20;

    public SamplingParams {
        check(maxTokens >= 1, "max-tokens", maxTokens, "at least 1; ask for fewer rows with --limit instead");
        check(
                temperature >= 0 && temperature <= 100,
                "temperature",
                temperature,
                "0 to 100; use 0 for greedy sampling");
        check(
                logprobs >= -1 && logprobs <= MAX_LOGPROBS,
                "logprobs",
                logprobs,
                "0 to " + MAX_LOGPROBS + "; leave it out for none");
    }

    /**
     * Which tokens can be sampled, by their probabilities.
     *
     * @param topK only the k most likely tokens; 0 is all
     * @param topP only the most likely of the tokens that top-k kept, whose probabilities together reach p (nucleus); 1 is all
     * @param minP of the tokens that top-p kept, drop those below this times the probability of the most likely one; 0 is all
     */
    public record Filter(int topK, double topP, double minP) implements Serializable {
        /** Keeps all tokens. */
        public static final Filter NONE = new Filter(0, 1, 0);

        public Filter {
            check(topK >= 0, "top-k", topK, "at least 0; use 0 to keep every token");
            check(topP > 0 && topP <= 1, "top-p", topP, "above 0, at most 1; use 1 to keep every token");
            check(minP >= 0 && minP <= 1, "min-p", minP, "0 to 1; use 0 to keep every token");
        }
    }

    /**
     * Penalties for tokens seen before.
     *
     * @param repetition divides positive and multiplies negative logits of tokens seen in prompt or output; 1 is none
     * @param presence subtracted once from the logit of every token already in the output
     * @param frequency subtracted from the logit of a token once per occurrence in the output
     */
    public record Penalties(double repetition, double presence, double frequency) implements Serializable {
        public static final Penalties NONE = new Penalties(1, 0, 0);

        public Penalties {
            check(
                    repetition > 0 && repetition <= 100,
                    "repetition-penalty",
                    repetition,
                    "above 0, at most 100; use 1 for none");
            check(Math.abs(presence) <= 100, "presence-penalty", presence, "-100 to 100; use 0 for none");
            check(Math.abs(frequency) <= 100, "frequency-penalty", frequency, "-100 to 100; use 0 for none");
        }
    }

    private static void check(boolean valid, String what, Object value, String hint) {
        if (!valid) {
            throw UserError.of("bad value of --" + what, value, hint);
        }
    }

    /** Greedy decoding of at most {@code maxTokens} tokens. */
    public static SamplingParams greedy(int maxTokens) {
        return new SamplingParams(maxTokens, 0, Filter.NONE, Penalties.NONE, -1, false, false);
    }

    public SamplingParams withTemperature(double other) {
        return new SamplingParams(maxTokens, other, filter, penalties, logprobs, promptLogprobs, ignoreEos);
    }

    public SamplingParams with(Filter other) {
        return new SamplingParams(maxTokens, temperature, other, penalties, logprobs, promptLogprobs, ignoreEos);
    }

    public SamplingParams with(Penalties other) {
        return new SamplingParams(maxTokens, temperature, filter, other, logprobs, promptLogprobs, ignoreEos);
    }

    public SamplingParams withLogprobs(int other) {
        return new SamplingParams(maxTokens, temperature, filter, penalties, other, promptLogprobs, ignoreEos);
    }

    public SamplingParams withPromptLogprobs(boolean other) {
        return new SamplingParams(maxTokens, temperature, filter, penalties, logprobs, other, ignoreEos);
    }

    public SamplingParams withIgnoreEos(boolean other) {
        return new SamplingParams(maxTokens, temperature, filter, penalties, logprobs, promptLogprobs, other);
    }

    /** Returns whether the most likely token is always taken. */
    public boolean isGreedy() {
        return temperature == 0;
    }

    /** Returns whether penalties make logits depend on the tokens so far. */
    public boolean hasPenalties() {
        return !penalties.equals(Penalties.NONE);
    }
}
