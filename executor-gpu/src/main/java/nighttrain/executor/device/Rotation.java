package nighttrain.executor.device;

/**
 * Cosines and sines of rotary position embedding, {@code [1, positions, dims / 2]} each. Column i turns the pair
 * {@code (x[i], x[i + dims / 2])} of a head; dimensions from {@code dims} on stay, all of them where there is no column.
 */
public record Rotation(Tensor cos, Tensor sin) {}
