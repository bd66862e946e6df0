package nighttrain.executor.device;

import java.util.Optional;
import nighttrain.executor.request.TokenLogprobs;

/** A drawn token, with its log-probabilities where the request asked for them. */
public record Drawn(int token, Optional<TokenLogprobs> logprobs) {}
