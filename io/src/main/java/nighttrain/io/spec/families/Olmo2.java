package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.HeadNorms;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/** OLMo 2 (arXiv 2501.00656): norms after modules and none before; queries and keys normed over all heads at once. */
final class Olmo2 {
    private Olmo2() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(2048, 0, 0));
        Rope rope = Ropes.whole(json, sizes);
        return model(json, sizes, attention(json, sizes, Collections.nCopies(sizes.layers(), 0), window -> rope));
    }

    /**
     * Returns the attention of each layer.
     *
     * @param ropes rotary positions of a layer by its window
     */
    static IntFunction<Attention> attention(
            ConfigJson json, Sizes sizes, List<Integer> windows, IntFunction<Rope> ropes) {
        LlamaNames names = new LlamaNames(sizes);
        boolean bias = json.flag("attention_bias", false);
        double epsilon = epsilon(json);
        return number -> {
            String layer = LlamaNames.layer(number);
            int window = windows.get(number);
            HeadNorms overAllHeads = new HeadNorms(
                    Norm.rms(layer + "self_attn.q_norm", sizes.heads() * sizes.headDim(), epsilon),
                    Norm.rms(layer + "self_attn.k_norm", sizes.kvHeads() * sizes.headDim(), epsilon));
            return names.attention(
                    layer, bias, bias, Optional.of(overAllHeads), Optional.of(ropes.apply(window)), window);
        };
    }

    /** Returns a model of these attentions, by layer, with norms after modules. */
    static ModelSpec model(ConfigJson json, Sizes sizes, IntFunction<Attention> attention) {
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        double epsilon = epsilon(json);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(new LayerSpec(
                    Optional.empty(),
                    attention.apply(i),
                    Residual.normed(Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon)),
                    Optional.empty(),
                    names.gatedMlp(layer, activation, false),
                    Residual.normed(Norm.rms(layer + "post_feedforward_layernorm", sizes.hidden(), epsilon))));
        }
        return names.model(json, layers, Wiring.dense(), Norm.rms("model.norm", sizes.hidden(), epsilon));
    }

    /** Returns the epsilon of all norms. */
    static double epsilon(ConfigJson json) {
        return json.positive("rms_norm_eps", 1e-5);
    }
}
