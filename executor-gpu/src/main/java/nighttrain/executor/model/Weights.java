package nighttrain.executor.model;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Rotation;
import nighttrain.executor.device.Tensor;

/**
 * One rank's weights.
 *
 * @param embedding {@code [1, vocabulary, hidden]}
 * @param positions {@code [1, positions, hidden]}, where positions are learned
 * @param layers one entry per layer
 * @param join this rank's part of the layer that joins tracks, {@code [localTracks, hidden, hidden]}, for Kraken
 * @param finalNorm over {@code hidden}
 * @param head this rank's slice of the vocabulary, {@code [1, slice, hidden]}
 */
record Weights(
        Tensor embedding,
        Optional<Tensor> positions,
        List<Layer> layers,
        Optional<Matrix> join,
        Norm finalNorm,
        Matrix head) {
    /**
     * @param attentionNorm over {@code hidden}
     * @param queryKeyValue {@code [localTracks, (heads + 2 kvHeads) * headDim, hidden]}
     * @param headNorms norms of queries and keys, where the family has them
     * @param rotation cosines and sines for every position
     * @param attentionOutput {@code [localTracks, hidden, heads * headDim]}
     * @param mlpNorm over {@code hidden}; that of attention where the two stand side by side
     * @param up {@code [localTracks, intermediate, hidden]}, gate and up one below the other where the MLP is gated
     * @param down {@code [localTracks, hidden, intermediate]}
     */
    record Layer(
            Norm attentionNorm,
            Matrix queryKeyValue,
            Optional<Kernels.HeadNorms> headNorms,
            Rotation rotation,
            Matrix attentionOutput,
            Norm mlpNorm,
            Matrix up,
            Matrix down) {}
}
