package nighttrain.executor.device;

import java.util.Optional;

/**
 * Cosines and sines of rotary position embedding, {@code [1, positions, dims / 2]} each. Column i turns the pair
 * {@code (x[i], x[i + dims / 2])} of a head; dimensions from {@code dims} on stay, all of them where there is no column.
 *
 * @param queryScale factor of queries by position, {@code [1, positions, 1]}; none where it is 1
 */
public record Rotation(Tensor cos, Tensor sin, Optional<Tensor> queryScale) {}
