package nighttrain.executor.device;

import java.util.Optional;

/**
 * A norm over a row: RMSNorm, or LayerNorm where there is a bias.
 *
 * @param weight {@code [tracks, 1, cols]}
 * @param bias {@code [tracks, 1, cols]}; present for LayerNorm
 * @param epsilon added to the mean square, or to the variance
 */
public record Norm(Tensor weight, Optional<Tensor> bias, float epsilon) {}
