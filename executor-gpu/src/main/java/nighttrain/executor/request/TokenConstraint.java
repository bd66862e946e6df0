package nighttrain.executor.request;

import nighttrain.io.constraint.TokenAutomaton;

/**
 * What an output must be. Tokens that may not come are masked before penalties, filters and log-probabilities. An output always ends in
 * an accepting state, at the limit of its tokens, too. The automaton's end tokens take the place of the request's stop tokens; a
 * {@link StopCheck} still ends an output anywhere.
 *
 * @param automaton which tokens may come; one object for all requests that share it
 * @param logprobsBefore whether log-probabilities are those before the mask
 */
public record TokenConstraint(TokenAutomaton automaton, boolean logprobsBefore) {}
