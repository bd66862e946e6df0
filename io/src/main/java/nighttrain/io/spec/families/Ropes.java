package nighttrain.io.spec.families;

import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.RopeScaling;

/**
 * Rotary positions as config.json gives them: {@code rope_parameters} since transformers 5, {@code rope_theta} beside
 * {@code rope_scaling} before. Where both are there {@code rope_scaling} wins, as it does in transformers.
 */
final class Ropes {
    private static final double DEFAULT_THETA = 10_000;

    private Ropes() {}

    /**
     * The same for all layers.
     *
     * @param absentShare part of each head's dimensions that is turned where {@code partial_rotary_factor} is absent
     */
    static Rope of(ConfigJson json, Sizes sizes, double absentShare) {
        Optional<ConfigJson> parameters = json.object("rope_scaling").or(() -> json.object("rope_parameters"));
        double outerTheta = json.positive("rope_theta", DEFAULT_THETA);
        double outerShare = share(json, absentShare);
        if (parameters.isEmpty()) {
            return new Rope(dims(json, sizes, outerShare), outerTheta, new RopeScaling.None());
        }
        ConfigJson rope = parameters.get();
        if (rope.node().has("full_attention") || rope.node().has("sliding_attention")) {
            throw UserError.of(
                    "unsupported " + rope.file(), "one set per layer type", "one for all layers; choose another model");
        }
        int originalMax = json.size(
                "original_max_position_embeddings", rope.size("original_max_position_embeddings", sizes.positions()));
        return new Rope(
                dims(json, sizes, share(rope, outerShare)),
                rope.positive("rope_theta", outerTheta),
                scaling(rope, originalMax));
    }

    private static int dims(ConfigJson json, Sizes sizes, double share) {
        int headDim = sizes.headDim();
        if (headDim < 2 || headDim % 2 != 0) {
            throw UserError.of(
                    "bad head_dim in " + json.file(), headDim, "must be even, for rotary positions; correct it");
        }
        int dims = (int) (headDim * share);
        if (dims < 2 || dims % 2 != 0) {
            throw json.bad("partial_rotary_factor", "must leave an even number of dimensions of head_dim, " + headDim);
        }
        return dims;
    }

    private static RopeScaling scaling(ConfigJson rope, int originalMaxPositions) {
        String type = rope.text("rope_type", rope.text("type", "default"));
        return switch (type) {
            case "default" -> new RopeScaling.None();
            case "linear" -> new RopeScaling.Linear(rope.requiredPositive("factor"));
            case "llama3" -> llama3(rope, originalMaxPositions);
            default ->
                throw UserError.of(
                        "unsupported rope_type in " + rope.file(),
                        type,
                        "default, linear and llama3 are supported; choose another model");
        };
    }

    private static RopeScaling llama3(ConfigJson rope, int originalMaxPositions) {
        double low = rope.requiredPositive("low_freq_factor");
        double high = rope.requiredPositive("high_freq_factor");
        if (high <= low) {
            throw rope.bad("high_freq_factor", "above low_freq_factor, " + low);
        }
        return new RopeScaling.Llama3(rope.requiredPositive("factor"), low, high, originalMaxPositions);
    }

    private static double share(ConfigJson json, double absent) {
        double share = json.positive("partial_rotary_factor", absent);
        if (share > 1) {
            throw json.bad("partial_rotary_factor", "above 0, at most 1");
        }
        return share;
    }
}
