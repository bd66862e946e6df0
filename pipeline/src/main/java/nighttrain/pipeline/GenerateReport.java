package nighttrain.pipeline;

/**
 * What a run came to.
 *
 * @param output the output directory
 * @param rows outputs in the results: input rows times samples
 * @param errors of these, failed
 * @param rowsLeft outputs not computed yet; 0 unless the run was stopped
 * @param rowsFromEarlierRuns outputs that an earlier run had finished
 * @param wasComplete an earlier run had finished the job, and this one did nothing
 * @param tooManyErrors more rows failed than {@code --max-row-errors} allows
 * @param wallS seconds spent generating, those of earlier runs included
 * @param promptTokens tokens of all prompts
 * @param outputTokens tokens of all outputs
 * @param outputTokensPerS output tokens per second of {@code wallS}
 * @param totalTokensPerS prompt and output tokens per second of {@code wallS}
 * @param ttftMs time to first token
 * @param tpotMs time per output token after the first
 * @param e2eMs time from submission to the end
 */
public record GenerateReport(
        String output,
        long rows,
        long errors,
        long rowsLeft,
        long rowsFromEarlierRuns,
        boolean wasComplete,
        boolean tooManyErrors,
        double wallS,
        long promptTokens,
        long outputTokens,
        double outputTokensPerS,
        double totalTokensPerS,
        Quantiles ttftMs,
        Quantiles tpotMs,
        Quantiles e2eMs) {
    /** Half, nine tenths and 99 of 100 rows are at most this, in milliseconds; null where no row has a value. */
    public record Quantiles(Double p50, Double p90, Double p99) {}
}
