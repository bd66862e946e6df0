package nighttrain.io.checkpoint;

/**
 * The shape of a model: what {@code config.json} says, in one vocabulary for every family.
 *
 * <p>For a model of tracks, {@code hiddenSize}, {@code intermediateSize}, {@code heads}, {@code kvHeads} and {@code headDim}
 * are those of <em>one</em> track.
 *
 * @param modelType {@code model_type} as written
 * @param layers number of decoder layers L
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width of the MLP
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads} (grouped-query attention)
 * @param headDim width of one head; need not be {@code hiddenSize / heads}
 * @param vocabSize rows of the embedding
 * @param maxPositions longest context, in tokens
 * @param block what attention and MLP are made of
 * @param tiedEmbeddings the head is the embedding
 * @param architecture how they are wired
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
        BlockConfig block,
        boolean tiedEmbeddings,
        ArchitectureConfig architecture) {
    /** Tracks in all; 1 for a model without any. */
    public int trackCount() {
        return architecture.trackCount();
    }

    /** Whether tensors are named by track. */
    public boolean hasTracks() {
        return architecture instanceof ArchitectureConfig.Tracks || architecture instanceof ArchitectureConfig.Kraken;
    }

    /** KV cache of one token over all layers and tracks, in elements: {@code 2 * layers * tracks * kvHeads * headDim}. */
    public long kvElementsPerToken() {
        return 2L * layers * trackCount() * kvHeads * headDim;
    }
}
