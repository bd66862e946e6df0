package nighttrain.io.table;

/** The middle and the tail of a distribution; null where nothing was measured. */
public record Percentiles(Double p50, Double p90, Double p99) {}
