package nighttrain.io.table;

/**
 * What a job did not have to compute.
 *
 * @param cachedPromptTokens prompt tokens whose keys and values another request had left in the engine's cache
 * @param copiedRows rows that got the result of an identical request
 * @param copiedTokens prompt and output tokens of these
 */
public record Saved(long cachedPromptTokens, long copiedRows, long copiedTokens) {}
