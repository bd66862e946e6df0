package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/** Qwen 3 (arXiv 2505.09388): Llama with an RMSNorm on every head of queries and keys, some layers with a window. */
final class Qwen3 {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("partial_rotary_factor", "mlp_bias", "sliding_window");

    private Qwen3() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(32_768, 32, 128));
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        return model(
                json,
                sizes,
                Windows.ofQwen(json, sizes.layers()),
                layer -> names.gatedMlp(LlamaNames.layer(layer), activation, false));
    }

    /** Returns a model of these feed-forwards, by layer. */
    static ModelSpec model(ConfigJson json, Sizes sizes, List<Integer> windows, IntFunction<FeedForward> feedForward) {
        LlamaNames names = new LlamaNames(sizes);
        Wiring wiring = Wirings.of(json, sizes.layers());
        Optional<Rope> rope = Optional.of(Ropes.whole(json, sizes));
        boolean bias = json.flag("attention_bias", false);
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(names.layer(
                    wiring,
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    names.attention(
                            layer, bias, bias, Optional.of(names.headNorms(layer, epsilon)), rope, windows.get(i)),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    feedForward.apply(i)));
        }
        return names.model(json, layers, wiring, Norm.rms("model.norm", sizes.hidden(), epsilon));
    }
}
