package nighttrain.io.checkpoint;

import java.util.List;
import java.util.Optional;

/**
 * The shape of a model: what {@code config.json} says, in one vocabulary for every family.
 *
 * <p>Where {@link #tracks} is present, {@code hiddenSize}, {@code intermediateSize}, {@code heads}, {@code kvHeads} and
 * {@code headDim} are those of <em>one</em> track.
 *
 * @param modelType {@code model_type} as written
 * @param layers number of decoder layers L
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width of the gated MLP
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads} (grouped-query attention)
 * @param headDim width of one head; need not be {@code hiddenSize / heads}
 * @param vocabSize rows of the embedding
 * @param maxPositions longest context, in tokens
 * @param normEpsilon epsilon of every RMSNorm
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling how they are stretched
 * @param qkvBias biases on the query, key and value projections
 * @param outputBias a bias on the attention's output projection
 * @param mlpBias biases on gate, up and down
 * @param qkNorm an RMSNorm per head on queries and keys, before RoPE (Qwen 3)
 * @param windows per layer, how many of the latest positions attention sees, the token itself included; 0 is all
 * @param tiedEmbeddings the head is the embedding
 * @param tracks present for {@code parallel_track}
 */
public record ModelConfig(
        String modelType,
        int layers,
        int hiddenSize,
        int intermediateSize,
        int heads,
        int kvHeads,
        int headDim,
        int vocabSize,
        int maxPositions,
        double normEpsilon,
        double ropeTheta,
        RopeScaling ropeScaling,
        boolean qkvBias,
        boolean outputBias,
        boolean mlpBias,
        boolean qkNorm,
        List<Integer> windows,
        boolean tiedEmbeddings,
        Optional<TrackConfig> tracks) {
    public ModelConfig {
        windows = List.copyOf(windows);
    }

    /** Tracks in all; 1 for a model without any. */
    public int trackCount() {
        return tracks.map(TrackConfig::count).orElse(1);
    }

    /** KV cache of one token over all layers and tracks, in elements: {@code 2 * layers * tracks * kvHeads * headDim}. */
    public long kvElementsPerToken() {
        return 2L * layers * trackCount() * kvHeads * headDim;
    }
}
