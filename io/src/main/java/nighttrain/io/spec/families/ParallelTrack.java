package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import nighttrain.io.UserError;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;

/**
 * Parallel Track (arXiv 2602.07306): independent narrow Llamas; sizes are those of one track. Every track may have its own experts in some layers
 * (PT-MoE, arXiv 2507.13575), windows, norms of queries and keys, and layers without rotary positions. With Qwen 3.5's keys of delta nets it has Qwen
 * 3.5's mixers.
 */
final class ParallelTrack {
    private ParallelTrack() {}

    static ModelSpec read(ConfigJson json) {
        return read(json, layers -> wiring(json, layers));
    }

    /** Reads desync residual (arXiv 2501.06589): the tracks are parts of one model of the same hidden size, each with norms of its own. */
    static ModelSpec readDesync(ConfigJson json) {
        return read(
                json, layers -> new Wiring.Desync(json.requiredParts("num_tracks"), json.requiredSize("reduce_every")));
    }

    private static ModelSpec read(ConfigJson json, IntFunction<Wiring> wiringOf) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(2048, 0, 0));
        LlamaNames names = new LlamaNames(sizes);
        Wirings.refuseBesideTracks(json, sizes.layers());
        Wiring wiring = wiringOf.apply(sizes.layers());
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        IntFunction<Mixer> mixers = json.has("linear_num_value_heads")
                ? Qwen35.mixers(json, names, epsilon, DeltaNetLayout::sideBySide, ParallelTrack::layer)
                : attention(json, names, epsilon);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = layer(i);
            layers.add(LayerSpec.preNorm(
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    mixers.apply(i),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    feedForward(json, sizes, layer, i)));
        }
        return names.model(json, layers, wiring, Norm.rms("model.norm", sizes.hidden(), epsilon));
    }

    private static String layer(int number) {
        return "model.tracks." + TensorSpec.TRACK + ".layers." + number + ".";
    }

    private static IntFunction<Mixer> attention(ConfigJson json, LlamaNames names, double epsilon) {
        Sizes sizes = names.sizes();
        Rope rope = Ropes.whole(json, sizes);
        List<Boolean> turned = Ropes.turned(json, sizes.layers(), layer -> true);
        List<Integer> windows = windows(json, sizes.layers());
        boolean bias = json.flag("attention_bias", false);
        boolean headNorms = json.flag("use_qk_norm", false);
        return number -> {
            String layer = layer(number);
            return names.attention(
                    layer,
                    bias,
                    bias,
                    headNorms ? Optional.of(names.headNorms(layer, epsilon)) : Optional.empty(),
                    turned.get(number) ? Optional.of(rope) : Optional.empty(),
                    windows.get(number));
        };
    }

    private static List<Integer> windows(ConfigJson json, int layers) {
        int window = json.has("layer_types") ? json.size("sliding_window", 0) : 0;
        return Windows.ofLayerTypes(json, layers, window, "sliding_window; set it")
                .orElseGet(() -> Collections.nCopies(layers, 0));
    }

    private static FeedForward feedForward(ConfigJson json, Sizes sizes, String layer, int number) {
        Activation activation = json.silu("hidden_act");
        if (!json.has("num_experts") || !Qwen3Moe.sparse(json, sizes.layers()).test(number)) {
            return new LlamaNames(sizes).gatedMlp(layer, activation, json.flag("mlp_bias", false));
        }
        int experts = json.requiredSize("num_experts");
        ExpertLayout layout = new ExpertLayout(experts, sizes.hidden(), json.requiredSize("moe_intermediate_size"));
        Router router = Router.softmax(
                layout.router(layer + "mlp.gate", false),
                ExpertLayout.chosen(json, 2, experts),
                json.flag("norm_topk_prob", true));
        return Qwen3Moe.mixture(
                layout,
                layer + "mlp.",
                activation,
                router.cappedTo(json.positive("router_logit_softcapping", 0)),
                Optional.empty());
    }

    private static Wiring wiring(ConfigJson json, int layers) {
        int count = json.requiredParts("num_tracks");
        int depth = json.requiredSize("track_block_depth");
        if (layers % depth != 0) {
            throw UserError.of(
                    "bad track_block_depth in " + json.file(),
                    depth,
                    "must divide num_hidden_layers, " + layers + ", so that the tracks meet after the last layer;"
                            + " correct it");
        }
        return switch (json.text("track_combine", "mean")) {
            case "mean" -> Wiring.parallelTrack(count, depth, Wiring.Combine.MEAN);
            case "sum" -> Wiring.parallelTrack(count, depth, Wiring.Combine.SUM);
            default -> throw json.bad("track_combine", "mean or sum");
        };
    }
}
