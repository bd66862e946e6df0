package nighttrain.executor.step;

import java.util.Optional;
import nighttrain.executor.request.Generation.TokenLogprobs;

/**
 * A sampled token, with its log-probabilities where the request asked for them.
 *
 * @param token the token; {@link LogitFault#code} if no token could be sampled from the logits
 * @param logprobs log-probabilities of the token, if asked for; empty if there is no token
 */
public record SampledToken(int token, Optional<TokenLogprobs> logprobs) {
    /** Returns the result of a row from which no token could be sampled. */
    public static SampledToken failed(LogitFault fault) {
        return new SampledToken(fault.code(), Optional.empty());
    }

    /** Returns why there is no token; empty if there is one. */
    public Optional<LogitFault> fault() {
        return LogitFault.of(token);
    }

    /**
     * Why no token can be sampled from a row of logits. Single logits of -inf are no fault: their tokens cannot be sampled. A device reports {@link
     * #code} instead of a token.
     */
    public enum LogitFault {
        NAN("NaN"),
        POSITIVE_INFINITY("+inf"),
        ALL_NEGATIVE_INFINITY("-inf of every token");

        private final String found;

        LogitFault(String found) {
            this.found = found;
        }

        /** Returns what the row holds, in the words of errors. */
        public String found() {
            return found;
        }

        /** Returns a number below 0, which is no token id; sample.cu has the same numbers. */
        @SuppressWarnings("EnumOrdinal") // the order is sample.cu's
        public int code() {
            return -1 - ordinal();
        }

        /** Returns the fault whose code {@code token} is, if any. */
        public static Optional<LogitFault> of(int token) {
            return token < 0 ? Optional.of(values()[-1 - token]) : Optional.empty();
        }
    }
}
