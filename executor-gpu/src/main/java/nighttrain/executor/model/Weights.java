package nighttrain.executor.model;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Rotation;
import nighttrain.executor.device.Tensor;

/**
 * One rank's weights.
 *
 * @param embedding {@code [1, vocabulary, hidden]}
 * @param layers one entry per layer
 * @param finalNorm {@code [1, 1, hidden]}
 * @param head this rank's slice of the vocabulary, {@code [1, slice, hidden]}
 * @param rotation cosines and sines for every position
 */
record Weights(Tensor embedding, List<Layer> layers, Tensor finalNorm, Matrix head, Rotation rotation) {
    /**
     * @param attentionNorm {@code [localTracks, 1, hidden]}
     * @param queryKeyValue {@code [localTracks, (heads + 2 kvHeads) * headDim, hidden]}
     * @param headNorms norms of queries and keys, where the family has them
     * @param attentionOutput {@code [localTracks, hidden, heads * headDim]}
     * @param mlpNorm {@code [localTracks, 1, hidden]}
     * @param gateUp {@code [localTracks, 2 * intermediate, hidden]}
     * @param down {@code [localTracks, hidden, intermediate]}
     */
    record Layer(
            Tensor attentionNorm,
            Matrix queryKeyValue,
            Optional<Kernels.HeadNorms> headNorms,
            Matrix attentionOutput,
            Tensor mlpNorm,
            Matrix gateUp,
            Matrix down) {}
}
