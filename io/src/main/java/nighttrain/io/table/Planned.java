package nighttrain.io.table;

/**
 * What a plan said of a run before it began.
 *
 * @param outputTokens of all rows
 * @param outputTokensPerS while generating
 * @param wallS duration of the run, in seconds
 */
public record Planned(long outputTokens, double outputTokensPerS, double wallS) {}
