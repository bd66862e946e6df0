package nighttrain.io.rows;

import java.time.Instant;
import java.util.Objects;

/**
 * One engine replica's counters over one interval. Each component is a column of the journal and of the metrics files.
 *
 * @param executor executor of the engine
 * @param replica replica of the executor, from 0
 * @param at end of the interval
 * @param intervalMs length of the interval, in ms
 * @param running sequences in the current step
 * @param waiting queued requests
 * @param promptTokens prompt tokens prefilled during the interval
 * @param cachedPromptTokens those of {@code promptTokens} that were found in the prefix cache
 * @param outputTokens tokens generated during the interval
 * @param steps forward passes during the interval
 * @param stepMs time spent in steps, in ms
 * @param commMs time in which ranks waited for all-reduces, in ms
 * @param kvUsed KV pages in use
 * @param kvPages all KV pages
 * @param gpuUtil share of time that the GPUs were busy, 0 to 1; null where there is none
 * @param gpuMemoryBytes memory in use on the GPUs together; null where there is none
 * @param gpuWatts power drawn by the GPUs together; null where there is none
 * @param expertImbalance tokens of the busiest expert over those of the average one, over layers and steps; null without experts
 */
public record MetricsRow(
        String executor,
        int replica,
        Instant at,
        long intervalMs,
        int running,
        int waiting,
        long promptTokens,
        long cachedPromptTokens,
        long outputTokens,
        long steps,
        double stepMs,
        double commMs,
        int kvUsed,
        int kvPages,
        Double gpuUtil,
        Long gpuMemoryBytes,
        Double gpuWatts,
        Double expertImbalance) {
    /** The columns of the row. */
    public static final RowType<MetricsRow> TYPE = RowType.of(MetricsRow.class);

    public MetricsRow {
        Objects.requireNonNull(executor, "executor");
        Objects.requireNonNull(at, "at");
    }
}
