package nighttrain.io.checkpoint;

import java.util.Collections;
import nighttrain.io.checkpoint.BlockConfig.Mlp;
import nighttrain.io.checkpoint.BlockConfig.Norm;
import nighttrain.io.checkpoint.BlockConfig.Rotary;

/** GPT-2's {@code config.json}, which has names of its own; learned positions, LayerNorm, GELU, biases everywhere. */
final class Gpt2Config {
    private Gpt2Config() {}

    static ModelConfig parse(ConfigJson json) {
        String activation = json.text("activation_function", "gelu_new");
        if (!activation.equals("gelu_new") && !activation.equals("gelu_pytorch_tanh")) {
            throw json.bad("activation_function", "only gelu_new is supported; choose another model");
        }
        for (String unsupported : new String[] {"scale_attn_by_inverse_layer_idx", "add_cross_attention"}) {
            if (json.flag(unsupported, false)) {
                throw json.bad(unsupported, "only false is supported; choose another model");
            }
        }
        int layers = json.requiredSize("n_layer");
        int hidden = json.requiredSize("n_embd");
        int heads = json.requiredSize("n_head");
        if (hidden % heads != 0) {
            throw json.bad("n_head", "must divide n_embd, " + hidden);
        }
        BlockConfig block = new BlockConfig(
                Norm.LAYER,
                json.positive("layer_norm_epsilon", 1e-5),
                Mlp.GELU_TANH,
                Rotary.none(),
                true,
                true,
                true,
                false,
                false,
                Collections.nCopies(layers, 0));
        return new ModelConfig(
                "gpt2",
                layers,
                hidden,
                json.size("n_inner", 4 * hidden),
                heads,
                heads,
                hidden / heads,
                json.requiredSize("vocab_size"),
                json.size("n_positions", 1024),
                block,
                json.flag("tie_word_embeddings", true),
                new ArchitectureConfig.Dense());
    }
}
