package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/** StarCoder 2 (arXiv 2402.19173): LayerNorm, rotary positions, a plain MLP, biases everywhere; optionally windowed attention. */
final class Starcoder2 {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("attention_bias", "mlp_bias", "use_sliding_window");

    private Starcoder2() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(4096, 2, 0));
        LlamaNames names = new LlamaNames(sizes);
        Mlp.Activation activation = json.gelu("hidden_act");
        Optional<Rope> rope = Optional.of(Ropes.whole(json, sizes));
        boolean bias = json.flag("use_bias", true);
        double epsilon = json.positive("norm_epsilon", 1e-5);
        int window = json.size("sliding_window", 0);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(LayerSpec.preNorm(
                    Norm.layer(layer + "input_layernorm", sizes.hidden(), epsilon, true),
                    names.attention(layer, bias, bias, Optional.empty(), rope, window),
                    Norm.layer(layer + "post_attention_layernorm", sizes.hidden(), epsilon, true),
                    new Mlp(
                            activation,
                            Optional.empty(),
                            Linear.of(layer + "mlp.c_fc", sizes.intermediate(), sizes.hidden(), bias),
                            Linear.of(layer + "mlp.c_proj", sizes.hidden(), sizes.intermediate(), bias))));
        }
        return names.model(json, layers, Wiring.dense(), Norm.layer("model.norm", sizes.hidden(), epsilon, true))
                .withHead(names.head(json.flag("tie_word_embeddings", true)));
    }
}
