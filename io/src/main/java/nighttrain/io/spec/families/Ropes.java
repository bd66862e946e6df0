package nighttrain.io.spec.families;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.spec.Attention.QueryScale;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;

/**
 * Rotary positions in the forms of config.json: {@code rope_parameters} since transformers 5, {@code rope_theta} and {@code rope_scaling} before.
 * Where both exist {@code rope_scaling} wins, as it does in transformers.
 */
final class Ropes {
    private static final double DEFAULT_THETA = 10_000;
    private static final String FULL = "full_attention";
    private static final String SLIDING = "sliding_attention";
    private static final String ORIGINAL_POSITIONS = "original_max_position_embeddings";
    /** Names of LongRoPE; the second is that of Phi 3's first files. */
    private static final Set<String> LONG = Set.of("longrope", "su");

    static final String QUERY_SCALE = "llama_4_scaling_beta";

    private Ropes() {}

    /** Returns rotary positions of whole heads, the same for all layers: {@code partial_rotary_factor} is ignored, as in transformers' families. */
    static Rope whole(ConfigJson json, Sizes sizes) {
        return whole(json, sizes, DEFAULT_THETA);
    }

    /** @param absentTheta theta where {@code rope_theta} is absent */
    static Rope whole(ConfigJson json, Sizes sizes, double absentTheta) {
        return of(json, sizes, sizes.headDim(), absentTheta);
    }

    /**
     * Returns rotary positions of whole heads, one for layers that see all positions and one for those with a window. Since transformers 5 each has
     * its object in {@code rope_parameters}; before, {@code rope_scaling} applies to full layers only. An original length outside of them is ignored.
     *
     * @param thetas keys of the two bases in older files, and their defaults
     */
    static ByLayerType byLayerType(ConfigJson json, Sizes sizes, Thetas thetas) {
        Optional<ConfigJson> newer = json.object("rope_parameters");
        if (newer.isPresent() && !isByLayerType(newer.get())) {
            throw json.bad("rope_parameters", "an object for " + FULL + " and one for " + SLIDING);
        }
        double theta = json.positive(thetas.key(), thetas.absent());
        double slidingTheta = json.positive(thetas.slidingKey(), thetas.absentSliding());
        Optional<ConfigJson> older = json.object("rope_scaling");
        older.ifPresent(Ropes::requireType);
        Optional<ConfigJson> full = older.or(() -> newer.flatMap(parameters -> parameters.object(FULL)));
        Optional<ConfigJson> sliding = newer.flatMap(parameters -> parameters.object(SLIDING));
        double newerTheta = newer.flatMap(parameters -> parameters.object(FULL))
                .map(parameters -> parameters.positive("rope_theta", theta))
                .orElse(theta);
        return new ByLayerType(
                rope(json, full, sizes, sizes.headDim(), new Outside(newerTheta, 0)),
                rope(json, sliding, sizes, sizes.headDim(), new Outside(slidingTheta, 0)));
    }

    /** Refuses what transformers 4 scales by and transformers 5 does not: a scaling with an older {@code type}, or with none. */
    private static void requireType(ConfigJson rope) {
        if (!rope.has("rope_type")) {
            throw UserError.of("missing key in " + rope.file(), "rope_type", "default, linear, llama3 or yarn; add it");
        }
    }

    /** Rotary positions of layers that see all positions, and of those with a window. */
    record ByLayerType(Rope full, Rope sliding) {
        /** Returns the rotary positions of a layer with {@code window}. */
        Rope of(int window) {
            return window == 0 ? full : sliding;
        }
    }

    /** Keys and defaults of the bases of {@link #byLayerType} in files without {@code rope_parameters}. */
    record Thetas(String key, double absent, String slidingKey, double absentSliding) {}

    /**
     * Returns rotary positions of a part of each head, the same for all layers.
     *
     * @param absentShare the part where {@code partial_rotary_factor} is absent; where it is null, whole heads are rotated
     */
    static Rope partial(ConfigJson json, Sizes sizes, double absentShare) {
        double share = share(json, json.isExplicitNull("partial_rotary_factor") ? 1 : absentShare);
        Optional<ConfigJson> parameters = parameters(json);
        double innerShare = parameters.map(rope -> share(rope, share)).orElse(share);
        int dims = (int) (sizes.headDim() * innerShare);
        if (dims < 2 || dims % 2 != 0) {
            throw UserError.of(
                    "bad partial_rotary_factor in " + json.file(),
                    innerShare,
                    "must leave an even number of dimensions of head_dim, " + sizes.headDim() + "; correct it");
        }
        return of(json, sizes, dims, DEFAULT_THETA);
    }

    /** As {@link #partial(ConfigJson, Sizes, double)}, unscaled or by LongRoPE: transformers' Phi 3 knows no other scaling. */
    static Rope partialOrLong(ConfigJson json, Sizes sizes, double absentShare) {
        parameters(json)
                .filter(rope -> !type(rope).equals("default") && !LONG.contains(type(rope)))
                .ifPresent(rope -> {
                    throw unsupportedType(
                            rope, "default and longrope are supported in a " + json.text("model_type", "") + " model");
                });
        Rope rope = partial(json, sizes, absentShare);
        if (rope.scaling() instanceof Scaling.LongRope) {
            json.requiredSize(ORIGINAL_POSITIONS); // absent, it is 4096 to transformers, whatever the parameters say
        }
        return rope;
    }

    /**
     * Returns whether each layer has rotary positions: 1 in {@code no_rope_layers}.
     *
     * @param absent whether a layer has them where the key is absent
     */
    static List<Boolean> turned(ConfigJson json, int layers, IntPredicate absent) {
        Optional<List<Integer>> listed = json.integers("no_rope_layers");
        if (listed.isPresent() && listed.get().size() < layers) {
            throw json.bad("no_rope_layers", "one per layer, " + layers);
        }
        return IntStream.range(0, layers)
                .mapToObj(layer -> listed.map(each -> each.get(layer) != 0).orElseGet(() -> absent.test(layer)))
                .toList();
    }

    /**
     * Returns whether config.json chooses a scaling, so that the family's default does not apply. An empty {@code rope_parameters} means
     * unscaled; an empty {@code rope_scaling} is ignored.
     */
    static boolean areSaid(ConfigJson json) {
        return json.has("rope_parameters") || json.object("rope_scaling").isPresent();
    }

    private static Optional<ConfigJson> parameters(ConfigJson json) {
        return json.object("rope_scaling").or(() -> json.object("rope_parameters"));
    }

    private static boolean isByLayerType(ConfigJson parameters) {
        return parameters.node().has(FULL) || parameters.node().has(SLIDING);
    }

    private static Rope of(ConfigJson json, Sizes sizes, int dims, double absentTheta) {
        Optional<ConfigJson> parameters = parameters(json);
        double theta = json.positive("rope_theta", absentTheta);
        parameters.filter(Ropes::isByLayerType).ifPresent(rope -> {
            throw UserError.of(
                    "unsupported " + rope.file(), "one set per layer type", "one for all layers; choose another model");
        });
        return rope(json, parameters, sizes, dims, new Outside(theta, json.size(ORIGINAL_POSITIONS, 0)));
    }

    /**
     * What config.json says outside the parameters of rotary positions.
     *
     * @param theta counts where the parameters have none
     * @param originalPositions counts before that of the parameters; 0 for none
     */
    private record Outside(double theta, int originalPositions) {}

    private static Rope rope(ConfigJson json, Optional<ConfigJson> parameters, Sizes sizes, int dims, Outside outside) {
        if (dims < 2 || dims % 2 != 0) {
            throw UserError.of(
                    "bad head_dim in " + json.file(), dims, "must be even, for rotary positions; correct it");
        }
        if (parameters.isEmpty()) {
            return new Rope(dims, outside.theta(), new Scaling.None());
        }
        ConfigJson rope = parameters.get();
        return new Rope(
                dims,
                rope.positive("rope_theta", outside.theta()),
                scaling(rope, dims, originalPositions(outside.originalPositions(), rope, sizes), sizes.positions()));
    }

    /** Returns the context length that the model was first trained on. */
    private static int originalPositions(int outside, ConfigJson rope, Sizes sizes) {
        return outside > 0 ? outside : rope.size(ORIGINAL_POSITIONS, sizes.positions());
    }

    /** Returns the growth of queries with their position. A family that does not read it refuses files that have it ({@link ForwardKeys}). */
    static Optional<QueryScale> queryScale(ConfigJson json, Sizes sizes) {
        json.has(QUERY_SCALE); // the key is in an inner object; this marks it as read
        return parameters(json)
                .filter(rope -> rope.node().path(QUERY_SCALE).asDouble(1) != 0)
                .filter(rope -> rope.has(QUERY_SCALE))
                .map(rope -> new QueryScale(
                        rope.positive(QUERY_SCALE, 0),
                        originalPositions(json.size(ORIGINAL_POSITIONS, 0), rope, sizes)));
    }

    /** {@code originalMaxPositions}: context that the model was first trained on; {@code maxPositions}: context that it supports now. */
    private static Scaling scaling(ConfigJson rope, int dims, int originalMaxPositions, int maxPositions) {
        return switch (type(rope)) {
            case "default" -> new Scaling.None();
            case "linear" -> new Scaling.Linear(rope.requiredPositive("factor"));
            case "llama3" -> llama3(rope, originalMaxPositions);
            case "yarn" -> yarn(rope, originalMaxPositions, maxPositions);
            case "longrope", "su" -> longRope(rope, dims / 2, originalMaxPositions, maxPositions);
            default -> throw unsupportedType(rope, "default, linear, llama3, yarn and longrope are supported");
        };
    }

    private static String type(ConfigJson rope) {
        return rope.text("rope_type", rope.text("type", "default"));
    }

    private static UserError unsupportedType(ConfigJson rope, String supported) {
        return UserError.of(
                "unsupported rope_type in " + rope.file(), type(rope), supported + "; choose another model");
    }

    private static Scaling llama3(ConfigJson rope, int originalMaxPositions) {
        double low = rope.requiredPositive("low_freq_factor");
        double high = rope.requiredPositive("high_freq_factor");
        if (high <= low) {
            throw rope.bad("high_freq_factor", "above low_freq_factor, " + low);
        }
        return new Scaling.Llama3(rope.requiredPositive("factor"), low, high, originalMaxPositions);
    }

    private static Scaling yarn(ConfigJson rope, int originalMaxPositions, int maxPositions) {
        double factor = rope.isExplicitNull("factor")
                ? (double) maxPositions / originalMaxPositions
                : rope.requiredPositive("factor");
        double attentionFactor = rope.has("mscale") && rope.has("mscale_all_dim")
                ? mscale(factor, rope.positive("mscale", 1)) / mscale(factor, rope.positive("mscale_all_dim", 1))
                : mscale(factor, 1);
        return new Scaling.Yarn(
                factor,
                rope.positive("beta_fast", 32),
                rope.positive("beta_slow", 1),
                originalMaxPositions,
                rope.flag("truncate", !rope.isExplicitNull("truncate")), // null is false to transformers
                rope.positive("attention_factor", attentionFactor));
    }

    private static Scaling longRope(ConfigJson rope, int frequencies, int originalMaxPositions, int maxPositions) {
        double factor = rope.positive("factor", (double) maxPositions / originalMaxPositions);
        double attentionFactor = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalMaxPositions));
        return new Scaling.LongRope(
                rope.requiredPositives("short_factor", frequencies),
                rope.requiredPositives("long_factor", frequencies),
                originalMaxPositions,
                rope.positive("attention_factor", attentionFactor));
    }

    private static double mscale(double factor, double mscale) {
        return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
    }

    private static double share(ConfigJson json, double absent) {
        double share = json.positive("partial_rotary_factor", absent);
        if (share > 1) {
            throw json.bad("partial_rotary_factor", "above 0, at most 1");
        }
        return share;
    }
}
