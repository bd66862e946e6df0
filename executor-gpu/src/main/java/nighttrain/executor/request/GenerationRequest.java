package nighttrain.executor.request;

import java.util.List;
import java.util.Optional;
import java.util.Set;

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
}
