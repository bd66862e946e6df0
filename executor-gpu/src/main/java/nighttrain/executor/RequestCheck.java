package nighttrain.executor;

import java.util.Optional;
import nighttrain.executor.request.Generation.RequestError;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * Checks whether an engine can answer a request. A request that it cannot answer gets an error and costs nothing.
 *
 * @param mostScoresOfAPosition most scores of one position
 */
record RequestCheck(int vocabulary, int maxModelLen, int mostScoresOfAPosition) {
    Optional<RequestError> errorOf(GenerationRequest request) {
        int length = request.promptTokens().length;
        if (length == 0) {
            return Optional.of(new RequestError(
                    "empty_prompt", "prompt without tokens: 0 (at least 1; leave such rows out or give them text)"));
        }
        boolean scores = !request.scores().isEmpty();
        int longest = scores ? maxModelLen : maxModelLen - 1;
        if (length > longest) {
            return Optional.of(new RequestError(
                    "prompt_too_long",
                    "prompt too long: " + length + " tokens (at most " + longest
                            + (scores ? "" : ", to leave room for an answer") + " in the context of " + maxModelLen
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
        return scores ? errorOfScores(request) : errorOfConstraint(request);
    }

    private Optional<RequestError> errorOfScores(GenerationRequest request) {
        int before = 1;
        int alike = 0;
        for (Score score : request.scores()) {
            if (score.position() < before || score.position() > request.promptTokens().length) {
                return Optional.of(new RequestError(
                        "bad_score",
                        "bad position of a score: " + score.position() + " (" + before + " to "
                                + request.promptTokens().length + "; order scores by position)"));
            }
            if (score.token() < 0 || score.token() >= vocabulary) {
                return Optional.of(new RequestError(
                        "bad_score",
                        "scored token outside the vocabulary: " + score.token() + " (0 to " + (vocabulary - 1)
                                + "; the tokenizer does not belong to this model)"));
            }
            alike = score.position() == before ? alike + 1 : 1;
            if (alike > mostScoresOfAPosition) {
                return Optional.of(new RequestError(
                        "bad_score",
                        "too many scores of one position: position " + score.position() + " (at most "
                                + mostScoresOfAPosition + " with this model; ask for them in several requests)"));
            }
            before = score.position();
        }
        return Optional.empty();
    }

    /** Returns an error if no text that satisfies the constraint is short enough. */
    private Optional<RequestError> errorOfConstraint(GenerationRequest request) {
        int room = Math.min(request.sampling().maxTokens(), maxModelLen - request.promptTokens().length);
        return request.constraint()
                .map(constraint -> constraint.automaton().fewestTokens()[TokenAutomaton.START])
                .filter(fewest -> fewest > room)
                .map(fewest -> new RequestError(
                        "constraint_unsatisfiable",
                        "no text satisfies the constraint in so few tokens: " + room
                                + (fewest == Integer.MAX_VALUE
                                        ? " (none does in any number; change the constraint)"
                                        : " (at least " + fewest + "; raise "
                                                + (room < request.sampling().maxTokens()
                                                        ? "--max-model-len or shorten the prompt)"
                                                        : "--max-tokens)"))));
    }
}
