package nighttrain.executor.step;

import java.util.Optional;
import nighttrain.executor.request.TokenLogprobs;

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
}
