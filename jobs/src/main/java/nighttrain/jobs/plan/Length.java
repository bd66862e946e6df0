package nighttrain.jobs.plan;

/**
 * The lengths of a row.
 *
 * @param promptTokens at least 1
 * @param outputTokens at least 1
 */
public record Length(int promptTokens, int outputTokens) {
    public Length {
        if (promptTokens < 1 || outputTokens < 1) {
            throw new IllegalArgumentException(
                    "length: " + promptTokens + " and " + outputTokens + " tokens (each at least 1)");
        }
    }
}
