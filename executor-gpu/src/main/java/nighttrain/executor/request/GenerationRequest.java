package nighttrain.executor.request;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * One prompt to complete.
 *
 * @param id the submitter's own name for it, handed back in {@link Generation#id}
 * @param promptTokens token ids, at least one
 * @param sampling how to sample
 * @param seed together with a token's position it determines every random sample, so that a retry, another batch or another
 *     executor gives the same text
 * @param stopTokens token ids that end the generation (end of text among them); not part of the output
 * @param stopCheck ends it by what the tokens mean
 * @param constraint which outputs there may be
 * @param scores log-probabilities that are wanted, by ascending position; where there are any, nothing is sampled. Requests that score
 *     one prompt share its pages where they are offered one after the other
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
    /** Of any output. */
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
     * Ends a generation by what its tokens mean, a stop string for one: the engine knows no text, so whoever submits decides.
     * One instance belongs to one request; the engine calls it with each output token in order, from one thread at a time.
     */
    @FunctionalInterface
    public interface StopCheck {
        /** Never stops. */
        StopCheck NEVER = token -> false;

        /** Whether the generation ends with this token (which stays in the output). Must be fast: a step waits for it. */
        boolean stopsAfter(int token);
    }

    /**
     * What an output must be. Tokens that may not come are masked before penalties, filters and log-probabilities. An output always ends in
     * an accepting state, at the limit of its tokens, too. The automaton's end tokens take the place of the request's stop tokens; a
     * {@link StopCheck} still ends an output anywhere.
     *
     * @param automaton which tokens may come; one object for all requests that share it
     * @param logprobsBefore whether log-probabilities are those before the mask
     */
    public record TokenConstraint(TokenAutomaton automaton, boolean logprobsBefore) {}

    /**
     * A log-probability that a request asks for: that of {@code token} after the prompt's tokens before {@code position}.
     *
     * @param position 1 to the prompt's length; at its length: the token after the prompt
     * @param token a token id, which need not be the prompt's
     */
    public record Score(int position, int token) implements Serializable {}
}
