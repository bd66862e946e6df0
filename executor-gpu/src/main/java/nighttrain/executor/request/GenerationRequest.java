package nighttrain.executor.request;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * One prompt to complete.
 *
 * @param id the submitter's own name for the request, returned in {@link Generation#id}
 * @param promptTokens token ids, at least one
 * @param sampling how to sample
 * @param seed together with a token's position it determines every random sample, so that a retry, another batch or another
 *     executor gives the same text
 * @param stopTokens token ids that end the generation (end of text among them); not part of the output
 * @param stopCheck ends the generation by the meaning of its tokens
 * @param constraint which outputs are allowed
 * @param scores log-probabilities that are wanted, by ascending position; if there are any, nothing is sampled. Requests that score one prompt share
 *     its pages if they are offered one after the other
 */
public record GenerationRequest(
        long id,
        int[] promptTokens,
        SamplingParams sampling,
        long seed,
        Set<Integer> stopTokens,
        StopCheck stopCheck,
        Optional<TokenConstraint> constraint,
        List<Score> scores) {
    /** A request without a constraint. */
    public GenerationRequest(
            long id,
            int[] promptTokens,
            SamplingParams sampling,
            long seed,
            Set<Integer> stopTokens,
            StopCheck stopCheck) {
        this(id, promptTokens, sampling, seed, stopTokens, stopCheck, Optional.empty(), List.of());
    }

    /**
     * Ends a generation by the meaning of its tokens, for example at a stop string. The engine knows no text, so the submitter decides. One instance
     * belongs to one request; the engine calls it with each output token in order, from one thread at a time.
     */
    @FunctionalInterface
    public interface StopCheck {
        /** Never stops. */
        StopCheck NEVER = token -> false;

        /** Returns whether the generation ends with this token, which stays in the output. Must be fast: a step waits for it. */
        boolean stopsAfter(int token);
    }

    /**
     * The language that an output must belong to. Tokens that are not allowed are masked before penalties, filters and log-probabilities. An output
     * always ends in an accepting state, even at its token limit. The automaton's end tokens take the place of the request's stop tokens; a {@link
     * StopCheck} still ends an output anywhere.
     *
     * @param automaton the allowed tokens of every state; one object for all requests that share it
     * @param logprobsBefore whether log-probabilities are taken before the mask
     */
    public record TokenConstraint(TokenAutomaton automaton, boolean logprobsBefore) {}

    /**
     * A log-probability that a request asks for: that of {@code token} given the prompt's tokens before {@code position}.
     *
     * @param position 1 to the prompt's length; at its length: the token after the prompt
     * @param token a token id; need not be the prompt's token there
     */
    public record Score(int position, int token) implements Serializable {}
}
