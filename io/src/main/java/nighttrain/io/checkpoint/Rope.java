package nighttrain.io.checkpoint;

import java.util.Optional;
import nighttrain.io.UserError;

/**
 * Rotary positions as config.json gives them: {@code rope_parameters} since transformers 5, {@code rope_theta} beside
 * {@code rope_scaling} before. Where both are there {@code rope_scaling} wins, as it does in transformers.
 *
 * @param share part of each head's dimensions that is turned ({@code partial_rotary_factor})
 */
record Rope(double theta, RopeScaling scaling, double share) {
    private static final double DEFAULT_THETA = 10_000;

    static Rope of(ConfigJson json, int maxPositions, double absentShare) {
        Optional<ConfigJson> parameters = json.object("rope_scaling").or(() -> json.object("rope_parameters"));
        double outerTheta = json.positive("rope_theta", DEFAULT_THETA);
        double outerShare = share(json, absentShare);
        if (parameters.isEmpty()) {
            return new Rope(outerTheta, new RopeScaling.None(), outerShare);
        }
        ConfigJson rope = parameters.get();
        if (rope.node().has("full_attention") || rope.node().has("sliding_attention")) {
            throw UserError.of(
                    "unsupported " + rope.file(), "one set per layer type", "one for all layers; choose another model");
        }
        int originalMax = json.size(
                "original_max_position_embeddings", rope.size("original_max_position_embeddings", maxPositions));
        return new Rope(rope.positive("rope_theta", outerTheta), scaling(rope, originalMax), share(rope, outerShare));
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
