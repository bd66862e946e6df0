package nighttrain.executor.device;

/**
 * Cosines and sines of rotary position embedding, {@code [1, positions, headDim / 2]} each. Column i turns the pair
 * {@code (x[i], x[i + headDim / 2])}.
 */
public record Rotation(Tensor cos, Tensor sin) {}
