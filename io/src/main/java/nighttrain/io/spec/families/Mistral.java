package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.Collections;
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

/** Mistral 7B and its successors (arXiv 2310.06825): Llama without biases, optionally with windowed attention. */
final class Mistral {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED =
            Set.of("partial_rotary_factor", "attention_bias", "mlp_bias", "use_sliding_window");

    private Mistral() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(131_072, 8, 0));
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        int window = json.isExplicitNull("sliding_window") ? 0 : json.size("sliding_window", 4096);
        List<Integer> windows = Windows.ofLayerTypes(json, sizes.layers(), window, "sliding_window; set it")
                .orElse(Collections.nCopies(sizes.layers(), window));
        return model(
                json,
                sizes,
                Ropes.whole(json, sizes),
                json.positive("rms_norm_eps", 1e-6),
                windows,
                layer -> names.gatedMlp(LlamaNames.layer(layer), activation, false));
    }

    /** Returns a model of these feed-forwards, by layer. */
    static ModelSpec model(
            ConfigJson json,
            Sizes sizes,
            Rope rope,
            double epsilon,
            List<Integer> windows,
            IntFunction<FeedForward> feedForward) {
        LlamaNames names = new LlamaNames(sizes);
        Wiring wiring = Wirings.of(json, sizes.layers());
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(names.layer(
                    wiring,
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    names.attention(layer, false, false, Optional.empty(), Optional.of(rope), windows.get(i)),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    feedForward.apply(i)));
        }
        return names.model(json, layers, wiring, Norm.rms("model.norm", sizes.hidden(), epsilon));
    }
}
