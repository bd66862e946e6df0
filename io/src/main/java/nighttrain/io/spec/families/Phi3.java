package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.Projections;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Linear.Storage;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/**
 * Phi 3 and Phi 4 (arXiv 2404.14219): Llama with queries, keys and values in one tensor, gate and up in another, optionally windowed attention,
 * optionally rotary positions of a part of each head, and LongRoPE for long contexts.
 */
final class Phi3 {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("attention_bias", "mlp_bias", "use_sliding_window");

    private Phi3() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(4096, 0, 0));
        LlamaNames names = new LlamaNames(sizes);
        Mlp.Activation activation = json.silu("hidden_act");
        Optional<Rope> rope = Optional.of(Ropes.partialOrLong(json, sizes, 1));
        double epsilon = json.positive("rms_norm_eps", 1e-5);
        int window = json.size("sliding_window", 0);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(LayerSpec.preNorm(
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    inOneTensor(layer, names.attention(layer, false, false, Optional.empty(), rope, window)),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    inOneTensor(layer, names.gatedMlp(layer, activation, false))));
        }
        return names.model(json, layers, Wiring.dense(), Norm.rms("model.norm", sizes.hidden(), epsilon));
    }

    private static Attention inOneTensor(String layer, Attention apart) {
        Projections of = apart.projections();
        List<Linear> parts =
                inOneTensor(layer + "self_attn.qkv_proj.weight", List.of(of.query(), of.key(), of.value()));
        return apart.with(new Projections(parts.get(0), parts.get(1), parts.get(2), of.output()));
    }

    private static Mlp inOneTensor(String layer, Mlp apart) {
        List<Linear> parts = inOneTensor(
                layer + "mlp.gate_up_proj.weight", List.of(apart.gate().orElseThrow(), apart.up()));
        return new Mlp(apart.activation(), Optional.of(parts.get(0)), parts.get(1), apart.down());
    }

    /** Returns the same linear layers, stored one after another in {@code tensor}. */
    private static List<Linear> inOneTensor(String tensor, List<Linear> parts) {
        int all = parts.stream().mapToInt(Linear::outputs).sum();
        List<Linear> stored = new ArrayList<>();
        int first = 0;
        for (Linear part : parts) {
            stored.add(part.withWeight(tensor).storedAs(new Storage(first, all, false)));
            first += part.outputs();
        }
        return stored;
    }
}
