package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.Projections;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.ModelSpec.Head;
import nighttrain.io.spec.ModelSpec.Spelling;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Table;
import nighttrain.io.spec.Wiring;

/**
 * GPT-2, with keys and names of its own: learned positions, LayerNorm, GELU, biases everywhere. It stores weights as {@code [inputs, outputs]}, and
 * queries, keys and values side by side in one tensor.
 */
final class Gpt2 {
    private Gpt2() {}

    static ModelSpec read(ConfigJson json) {
        for (String unsupported : new String[] {"scale_attn_by_inverse_layer_idx", "add_cross_attention"}) {
            if (json.flag(unsupported, false)) {
                throw json.unsupported(unsupported, "only false is supported; choose another model");
            }
        }
        boolean scaled = json.flag("scale_attn_weights", true);
        Mlp.Activation activation = json.gelu("activation_function");
        String hiddenKey = key(json, "n_embd", "hidden_size");
        int hidden = json.requiredSize(hiddenKey);
        String headsKey = key(json, "n_head", "num_attention_heads");
        int heads = json.requiredSize(headsKey);
        if (hidden % heads != 0) {
            throw json.bad(headsKey, "must divide " + hiddenKey + ", " + hidden);
        }
        int layerCount = json.requiredParts(key(json, "n_layer", "num_hidden_layers"));
        int inner = json.size("n_inner", 4 * hidden);
        int positions = json.size(key(json, "n_positions", "max_position_embeddings"), 1024);
        double epsilon = json.positive("layer_norm_epsilon", 1e-5);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < layerCount; i++) {
            String layer = "transformer.h." + i + ".";
            layers.add(LayerSpec.preNorm(
                    Norm.layer(layer + "ln_1", hidden, epsilon, true),
                    attention(layer + "attn.", heads, hidden, scaled),
                    Norm.layer(layer + "ln_2", hidden, epsilon, true),
                    new Mlp(
                            activation,
                            Optional.empty(),
                            inputsFirst(Linear.of(layer + "mlp.c_fc", inner, hidden, true), 0, inner),
                            inputsFirst(Linear.of(layer + "mlp.c_proj", hidden, inner, true), 0, hidden))));
        }
        Table tokens = new Table("transformer.wte.weight", json.requiredSize("vocab_size"), hidden);
        return new ModelSpec(
                "gpt2",
                positions,
                new Embedding(tokens, 1, Optional.of(new Table("transformer.wpe.weight", positions, hidden))),
                layers,
                Wiring.dense(),
                Norm.layer("transformer.ln_f", hidden, epsilon, true),
                Head.of(
                        Linear.of("lm_head", tokens.rows(), hidden, false),
                        json.flag("tie_word_embeddings", true),
                        tokens),
                List.of(new Spelling("transformer.", "")));
    }

    /** Returns the key that counts: to transformers, the name that other families use for it wins. */
    private static String key(ConfigJson json, String own, String common) {
        return json.has(common) ? common : own;
    }

    private static Attention attention(String at, int heads, int hidden, boolean scaled) {
        Linear part = Linear.of(at + "c_attn", hidden, hidden, true);
        return new Attention(
                heads,
                heads,
                hidden / heads,
                new Projections(
                        inputsFirst(part, 0, 3 * hidden),
                        inputsFirst(part, hidden, 3 * hidden),
                        inputsFirst(part, 2 * hidden, 3 * hidden),
                        inputsFirst(Linear.of(at + "c_proj", hidden, hidden, true), 0, hidden)),
                Optional.empty(),
                Optional.empty(),
                0,
                scaled ? Attention.scaleOf(hidden / heads) : 1,
                Optional.empty(),
                Optional.empty());
    }

    private static Linear inputsFirst(Linear linear, int firstOutput, int outputs) {
        return linear.storedAs(new Linear.Storage(firstOutput, outputs, true));
    }
}
