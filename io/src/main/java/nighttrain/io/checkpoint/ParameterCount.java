package nighttrain.io.checkpoint;

import java.util.Arrays;
import java.util.Map;

/**
 * The parameters of a model, from its config alone.
 *
 * @param embedding of tokens and, where they are learned, of positions
 * @param layers linear layers of attention and MLP, over all layers and tracks, biases included
 * @param norms all norms
 * @param join the layer that joins tracks (Kraken)
 * @param head the output layer; 0 where it is the embedding
 */
public record ParameterCount(long embedding, long layers, long norms, long join, long head) {
    public static ParameterCount of(ModelConfig config) {
        long[] count = new long[Kind.values().length];
        for (Map.Entry<String, long[]> tensor : TensorNames.of(config).entrySet()) {
            count[Kind.of(tensor.getKey()).ordinal()] +=
                    Arrays.stream(tensor.getValue()).reduce(1, Math::multiplyExact);
        }
        return new ParameterCount(
                count[Kind.EMBEDDING.ordinal()],
                count[Kind.LAYER.ordinal()],
                count[Kind.NORM.ordinal()],
                count[Kind.JOIN.ordinal()],
                count[Kind.HEAD.ordinal()]);
    }

    public long total() {
        return embedding + layers + norms + join + head;
    }

    private enum Kind {
        EMBEDDING,
        LAYER,
        NORM,
        JOIN,
        HEAD;

        static Kind of(String tensor) {
            if (tensor.contains("norm.")) {
                return NORM;
            }
            if (tensor.startsWith("model.embed_")) {
                return EMBEDDING;
            }
            if (tensor.startsWith("model.join.")) {
                return JOIN;
            }
            return tensor.startsWith("lm_head.") ? HEAD : LAYER;
        }
    }
}
