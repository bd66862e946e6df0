package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/** SmolLM3: Llama in which every fourth layer has no positions (NoPE, arXiv 2501.18795). */
final class SmolLm3 {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("partial_rotary_factor");

    private SmolLm3() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(32_768, 4, 0));
        LlamaNames names = new LlamaNames(sizes);
        Wiring wiring = Wirings.of(json, sizes.layers());
        Activation activation = json.silu("hidden_act");
        Rope rope = Ropes.whole(json, sizes, 2_000_000);
        int interval = json.size("no_rope_layer_interval", 4);
        List<Boolean> turned = Ropes.turned(json, sizes.layers(), layer -> (layer + 1) % interval != 0);
        List<Integer> windows = windows(json, turned);
        boolean bias = json.flag("attention_bias", false);
        boolean mlpBias = json.flag("mlp_bias", false);
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            Optional<Rope> positions = turned.get(i) ? Optional.of(rope) : Optional.empty();
            layers.add(names.layer(
                    wiring,
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    names.attention(layer, bias, bias, Optional.empty(), positions, windows.get(i)),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    names.gatedMlp(layer, activation, mlpBias)));
        }
        return names.model(json, layers, wiring, Norm.rms("model.norm", sizes.hidden(), epsilon))
                .withHead(names.head(json.flag("tie_word_embeddings", true)));
    }

    /** Returns the windows of layers. Where {@code layer_types} is absent, layers without positions are those with a window. */
    private static List<Integer> windows(ConfigJson json, List<Boolean> turned) {
        int window = json.size("sliding_window", 0);
        int ofUnturned = json.flag("use_sliding_window", false) ? window : 0;
        return Windows.ofLayerTypes(json, turned.size(), window, "sliding_window; set it")
                .orElseGet(
                        () -> turned.stream().map(one -> one ? 0 : ofUnturned).toList());
    }
}
