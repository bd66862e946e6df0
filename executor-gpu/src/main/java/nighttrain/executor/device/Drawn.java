package nighttrain.executor.device;

import java.util.Optional;
import nighttrain.executor.request.TokenLogprobs;

/**
 * A drawn token, with its log-probabilities where the request asked for them.
 *
 * @param token the token; {@link LogitFault#code} where the logits were such that there is none
 * @param logprobs of the token; empty where there is none
 */
public record Drawn(int token, Optional<TokenLogprobs> logprobs) {
    /** That no token could be drawn. */
    public static Drawn failed(LogitFault fault) {
        return new Drawn(fault.code(), Optional.empty());
    }

    /** Why there is no token. */
    public Optional<LogitFault> fault() {
        return LogitFault.of(token);
    }
}
