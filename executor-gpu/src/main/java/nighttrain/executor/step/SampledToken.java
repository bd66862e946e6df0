package nighttrain.executor.step;

import java.util.Optional;
import nighttrain.executor.request.Generation.TokenLogprobs;

/**
 * A sampled token, with its log-probabilities where the request asked for them.
 *
 * @param token the token; {@link LogitFault#code} where the logits were such that there is none
 * @param logprobs of the token; empty where there is none
 */
public record SampledToken(int token, Optional<TokenLogprobs> logprobs) {
    /** That no token could be sampled. */
    public static SampledToken failed(LogitFault fault) {
        return new SampledToken(fault.code(), Optional.empty());
    }

    /** Why there is no token. */
    public Optional<LogitFault> fault() {
        return LogitFault.of(token);
    }

    /**
     * Why no token can be sampled from a row of logits. Some logits of -inf are no fault: they are tokens that may not come.
     * A device reports a fault in the place of the token, as {@link #code}.
     */
    public enum LogitFault {
        NAN("NaN"),
        POSITIVE_INFINITY("+inf"),
        ALL_NEGATIVE_INFINITY("-inf of every token");

        private final String found;

        LogitFault(String found) {
            this.found = found;
        }

        /** What the row holds, as errors name it. */
        public String found() {
            return found;
        }

        /** A number below 0, so that it is no token; sample.cu has the same numbers. */
        @SuppressWarnings("EnumOrdinal") // the order is sample.cu's
        public int code() {
            return -1 - ordinal();
        }

        /** The fault that {@code token} stands for, if it is one's code. */
        public static Optional<LogitFault> of(int token) {
            return token < 0 ? Optional.of(values()[-1 - token]) : Optional.empty();
        }
    }
}
