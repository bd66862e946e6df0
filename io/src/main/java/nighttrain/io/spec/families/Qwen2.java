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

/** Qwen 2 and 2.5 (arXiv 2407.10671): Llama with biases on queries, keys and values, some layers with a window. */
final class Qwen2 {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("partial_rotary_factor", "attention_bias", "mlp_bias", "sliding_window");

    private Qwen2() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(32_768, 32, 0));
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        return model(
                json,
                sizes,
                true,
                Windows.ofQwen(json, sizes.layers()),
                layer -> names.gatedMlp(LlamaNames.layer(layer), activation, false));
    }

    /**
     * Returns a model of these feed-forwards, by layer.
     *
     * @param bias whether queries, keys and values have biases
     */
    static ModelSpec model(
            ConfigJson json, Sizes sizes, boolean bias, List<Integer> windows, IntFunction<FeedForward> feedForward) {
        LlamaNames names = new LlamaNames(sizes);
        Wiring wiring = Wirings.of(json, sizes.layers());
        Optional<Rope> rope = Optional.of(Ropes.whole(json, sizes));
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(names.layer(
                    wiring,
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    names.attention(layer, bias, false, Optional.empty(), rope, windows.get(i)),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    feedForward.apply(i)));
        }
        return names.model(json, layers, wiring, Norm.rms("model.norm", sizes.hidden(), epsilon));
    }
}
