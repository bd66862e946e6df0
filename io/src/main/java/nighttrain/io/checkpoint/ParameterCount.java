package nighttrain.io.checkpoint;

import java.util.Arrays;
import java.util.EnumMap;
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
        Map<Kind, Long> count = new EnumMap<>(Kind.class);
        TensorNames.of(config)
                .forEach((name, shape) ->
                        count.merge(Kind.of(name), Arrays.stream(shape).reduce(1, Math::multiplyExact), Long::sum));
        return new ParameterCount(
                count.getOrDefault(Kind.EMBEDDING, 0L),
                count.getOrDefault(Kind.LAYER, 0L),
                count.getOrDefault(Kind.NORM, 0L),
                count.getOrDefault(Kind.JOIN, 0L),
                count.getOrDefault(Kind.HEAD, 0L));
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
