package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.UserError;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/** Llama 1 to 3 (arXiv 2302.13971, 2407.21783): RMSNorm, grouped queries, rotary positions, SwiGLU. */
final class Llama {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("partial_rotary_factor", "sliding_window", "use_sliding_window");

    private Llama() {}

    static ModelSpec read(ConfigJson json) {
        boolean bias = json.flag("attention_bias", false);
        return model(json, Sizes.of(json, new Sizes.Defaults(2048, 0, 0)), bias, bias);
    }

    /**
     * Returns a model of these sizes.
     *
     * @param bias whether queries, keys and values have biases
     * @param outputBias whether the outputs of attention have biases
     */
    static ModelSpec model(ConfigJson json, Sizes sizes, boolean bias, boolean outputBias) {
        LlamaNames names = new LlamaNames(sizes);
        Wiring wiring = Wirings.of(json, sizes.layers());
        Activation activation = json.silu("hidden_act");
        Optional<Rope> rope = Optional.of(Ropes.whole(json, sizes));
        boolean mlpBias = json.flag("mlp_bias", false);
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(names.layer(
                    wiring,
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    names.attention(layer, bias, outputBias, Optional.empty(), rope, 0),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    names.gatedMlp(layer, activation, mlpBias)));
        }
        return names.model(json, layers, wiring, Norm.rms("model.norm", sizes.hidden(), epsilon));
    }

    /** Reads Llama with ladder residuals as the authors' own code saves it (arXiv 2501.06589): {@code ladder_layers} lists the layers. */
    static ModelSpec readLadder(ConfigJson json) {
        ModelSpec llama = read(json);
        if (llama.wiring() instanceof Wiring.Dense && !json.has("ladder_layers")) {
            throw UserError.of(
                    "missing key in " + json.file(),
                    "ladder_layers",
                    "a list of layers, as the authors save it; add it");
        }
        return llama;
    }
}
