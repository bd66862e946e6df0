package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.UserError;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;

/**
 * gpt-oss (arXiv 2508.10925): attention with sinks, every second layer with a window; experts with biases and a clamped SwiGLU, stored in MXFP4 or
 * transposed.
 */
final class GptOss {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("partial_rotary_factor", "mlp_bias", "use_sliding_window");

    private static final int MXFP4_GROUP = 32;

    private GptOss() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(131_072, 8, 64, 64, 201_088));
        LlamaNames names = new LlamaNames(sizes);
        json.silu("hidden_act");
        Rope rope = rope(json, sizes);
        boolean bias = json.flag("attention_bias", true);
        double epsilon = json.positive("rms_norm_eps", 1e-5);
        int window = json.isExplicitNull("sliding_window") ? 0 : json.size("sliding_window", 128);
        List<Integer> windows = Windows.fullEvery(2, json, sizes.layers(), window);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(LayerSpec.preNorm(
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    names.attention(layer, bias, bias, Optional.empty(), Optional.of(rope), windows.get(i))
                            .withSinks(new Vector(layer + "self_attn.sinks", sizes.heads(), TensorSpec.Fill.ZERO)),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    mixture(json, sizes, layer + "mlp.")));
        }
        return names.model(json, layers, Wiring.dense(), Norm.rms("model.norm", sizes.hidden(), epsilon));
    }

    private static FeedForward mixture(ConfigJson json, Sizes sizes, String at) {
        int experts = json.size("num_experts", json.size("num_local_experts", 128));
        ExpertLayout layout = new ExpertLayout(experts, sizes.hidden(), sizes.intermediate());
        boolean mxfp4 = QuantizationConfig.isMxfp4(json);
        if (mxfp4) {
            checkGroups(json, "hidden_size", sizes.hidden());
            checkGroups(json, "intermediate_size", sizes.intermediate());
        }
        return new MixtureOfExperts(
                Router.softmaxOfChosen(layout.router(at + "router", true), ExpertLayout.chosen(json, 4, experts)),
                new Activation.ClampedSwiGlu(json.positive("swiglu_alpha", 1.702), json.positive("swiglu_limit", 7)),
                layout.interleaved(at + "experts.gate_up_proj", at + "experts.down_proj", !mxfp4),
                Optional.empty());
    }

    private static void checkGroups(ConfigJson json, String key, int size) {
        if (size % MXFP4_GROUP != 0) {
            throw UserError.of(
                    "bad " + key + " in " + json.file(),
                    size,
                    "a multiple of " + MXFP4_GROUP + ", where experts are stored in MXFP4; correct it");
        }
    }

    /** Returns the rotary positions; where config.json has none, YaRN with OpenAI's values. */
    private static Rope rope(ConfigJson json, Sizes sizes) {
        Rope rope = Ropes.whole(json, sizes, 150_000);
        Scaling absent = new Scaling.Yarn(32, 32, 1, 4096, false, 0.1 * Math.log(32) + 1);
        return Ropes.areSaid(json) ? rope : new Rope(rope.dims(), rope.theta(), absent);
    }
}
