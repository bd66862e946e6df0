package nighttrain.pipeline;

import nighttrain.io.table.Percentiles;
import nighttrain.io.table.Summary;
import nighttrain.io.table.SummaryFile;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.resume.CompletedRows;
import nighttrain.pipeline.settings.MaxRowErrors;

/**
 * The outcome of a run.
 *
 * @param output the output directory
 * @param rows finished outputs: input rows times samples, unless a deadline stopped the run
 * @param errors outputs among {@code rows} that failed
 * @param rowsLeft outputs not computed yet; 0 unless {@code --deadline} stopped the run, which then wrote no results
 * @param rowsFromEarlierRuns outputs that an earlier run had finished
 * @param wasComplete whether an earlier run had finished the job, so that this one did nothing
 * @param tooManyErrors whether more rows failed than {@code --max-row-errors} allows
 * @param wallS duration of the run that wrote the results, in seconds
 * @param tokens all 0 where a deadline stopped the run
 * @param latency how long rows took; unknown where a deadline stopped the run
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
        Tokens tokens,
        Latency latency) {
    /**
     * Tokens of all rows, and rates while the run that wrote the results was generating.
     *
     * @param prompt tokens of all prompts
     * @param output tokens of all outputs
     * @param outputPerS output tokens per second
     * @param totalPerS prompt and output tokens per second
     */
    public record Tokens(long prompt, long output, double outputPerS, double totalPerS) {
        private static final Tokens NONE = new Tokens(0, 0, 0, 0);
    }

    /**
     * The latencies of requests.
     *
     * @param ttftMs time to first token
     * @param tpotMs time per output token after the first
     * @param e2eMs time from submission to the end
     */
    public record Latency(Quantiles ttftMs, Quantiles tpotMs, Quantiles e2eMs) {
        private static final Latency UNKNOWN = new Latency(Quantiles.UNKNOWN, Quantiles.UNKNOWN, Quantiles.UNKNOWN);
    }

    /** The 50th, 90th and 99th percentile over rows, in milliseconds; null where no row has a value. */
    public record Quantiles(Double p50, Double p90, Double p99) {
        private static final Quantiles UNKNOWN = new Quantiles(null, null, null);

        private static Quantiles of(Percentiles them) {
            return new Quantiles(them.p50(), them.p90(), them.p99());
        }
    }

    /** Returns the report of a run that has just finished the job. */
    static GenerateReport of(JobFolder folder, Summary summary, long rowsFromEarlierRuns, MaxRowErrors allowed) {
        return of(folder, summary, rowsFromEarlierRuns, false, allowed);
    }

    /** Returns the report of a run that found the job complete. */
    static GenerateReport ofComplete(JobFolder folder, MaxRowErrors allowed) {
        Summary summary = SummaryFile.read(folder.fs(), folder.summary());
        return of(folder, summary, summary.rows(), true, allowed);
    }

    /** Returns the report of a run that its deadline stopped; the finished rows are in the journal. */
    static GenerateReport ofStopped(JobFolder folder, long outputs, long left, CompletedRows earlier, double wallS) {
        return new GenerateReport(
                folder.output().toString(),
                outputs - left,
                0,
                left,
                earlier.outputs(),
                false,
                false,
                wallS,
                Tokens.NONE,
                Latency.UNKNOWN);
    }

    private static GenerateReport of(
            JobFolder folder, Summary summary, long earlier, boolean wasComplete, MaxRowErrors allowed) {
        return new GenerateReport(
                folder.output().toString(),
                summary.rows(),
                summary.errors(),
                0,
                earlier,
                wasComplete,
                allowed.exceededBy(summary.errors(), summary.rows()),
                summary.wallS(),
                new Tokens(
                        summary.promptTokens(),
                        summary.outputTokens(),
                        summary.throughput().outputTokensPerS(),
                        summary.throughput().totalTokensPerS()),
                new Latency(
                        Quantiles.of(summary.ttftMs()), Quantiles.of(summary.tpotMs()), Quantiles.of(summary.e2eMs())));
    }
}
