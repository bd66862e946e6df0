package nighttrain.executor;

import java.util.Optional;
import nighttrain.executor.request.Generation.RequestError;
import nighttrain.executor.request.GenerationRequest;

/** Which requests an engine can answer; the others get an error of their own and cost nothing. */
record RequestCheck(int vocabulary, int maxModelLen) {
    Optional<RequestError> errorOf(GenerationRequest request) {
        int length = request.promptTokens().length;
        if (length == 0) {
            return Optional.of(new RequestError(
                    "empty_prompt", "prompt without tokens: 0 (at least 1; leave such rows out or give them text)"));
        }
        if (length >= maxModelLen) {
            return Optional.of(new RequestError(
                    "prompt_too_long",
                    "prompt too long: " + length + " tokens (at most " + (maxModelLen - 1)
                            + ", to leave room for an answer in the context of " + maxModelLen
                            + "; shorten it, use --truncate left or right, or raise --max-model-len)"));
        }
        for (int token : request.promptTokens()) {
            if (token < 0 || token >= vocabulary) {
                return Optional.of(new RequestError(
                        "bad_token",
                        "token outside the vocabulary: " + token + " (0 to " + (vocabulary - 1)
                                + "; the tokenizer does not belong to this model)"));
            }
        }
        return Optional.empty();
    }
}
