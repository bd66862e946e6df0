package nighttrain.jobs.bench;

import java.io.Serializable;
import java.util.List;
import nighttrain.io.UserError;

/** What one round asks of the engine. */
public sealed interface Workload extends Serializable permits RandomWorkload, FixedPrompts {
    /** Output tokens of each request in a warm-up, at most. */
    int WARM_UP_TOKENS = 32;

    /** Prompts of a round. */
    int numPrompts();

    /** Tokens of the longest prompt that can come. */
    long longest();

    /** Tokens generated for each prompt. */
    int outputLen();

    /** Most requests under way at once; 0: as many as the engine takes. */
    int maxConcurrency();

    /** A round's prompts as token ids, those that are random out of {@code random}. */
    List<int[]> prompts(RandomPrompts random);

    /** A short one that meets what this one will: full batches of as long prompts, and some steps of decoding. */
    Workload warmUp(int batch);

    /**
     * Refuses what an engine would have to cut short.
     *
     * @param maxModelLen longest prompt plus output that the engine takes, in tokens
     * @param maxPositions longest that the model knows
     */
    default void checkFits(int maxModelLen, int maxPositions) {
        long needed = longest() + outputLen();
        if (needed > maxModelLen) {
            String limit = needed <= maxPositions
                    ? "by --max-model-len; raise it, or lower"
                    : "the model's context being " + maxPositions + "; lower";
            throw UserError.of(
                    "prompt and output too long",
                    needed + " tokens",
                    "at most " + maxModelLen + ", " + limit + " --input-len or --output-len");
        }
    }
}
