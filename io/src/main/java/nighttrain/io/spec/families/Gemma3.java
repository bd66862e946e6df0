package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.Attention.HeadNorms;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.ModelSpec.Head;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Wiring;

/**
 * Gemma 3 (arXiv 2503.19786): norms that multiply by one plus their weight, before and after each module and on queries and keys; GeGLU; five layers
 * with a window for each layer that sees all positions, with separate rotary bases; scaled embeddings.
 */
final class Gemma3 {
    private static final Sizes.Defaults ABSENT = new Sizes.Defaults(131_072, 4, 256, 8, 262_208);
    private static final Ropes.Thetas THETAS =
            new Ropes.Thetas("rope_theta", 1_000_000, "rope_local_base_freq", 10_000);

    private Gemma3() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, ABSENT);
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.gelu("hidden_activation");
        Ropes.ByLayerType ropes = Ropes.byLayerType(json, sizes, THETAS);
        boolean bias = json.flag("attention_bias", false);
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        double scale = 1 / Math.sqrt(json.positive("query_pre_attn_scalar", 256));
        int window = json.isExplicitNull("sliding_window") ? 0 : json.size("sliding_window", 4096);
        List<Integer> windows = Windows.fullEvery(json.size("sliding_window_pattern", 6), json, sizes.layers(), window);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            HeadNorms headNorms = new HeadNorms(
                    norm(layer + "self_attn.q_norm", sizes.headDim(), epsilon),
                    norm(layer + "self_attn.k_norm", sizes.headDim(), epsilon));
            layers.add(new LayerSpec(
                    Optional.of(norm(layer + "input_layernorm", sizes.hidden(), epsilon)),
                    names.attention(
                                    layer,
                                    bias,
                                    bias,
                                    Optional.of(headNorms),
                                    Optional.of(ropes.of(windows.get(i))),
                                    windows.get(i))
                            .withScale(scale),
                    Residual.normed(norm(layer + "post_attention_layernorm", sizes.hidden(), epsilon)),
                    Optional.of(norm(layer + "pre_feedforward_layernorm", sizes.hidden(), epsilon)),
                    names.gatedMlp(layer, activation, false),
                    Residual.normed(norm(layer + "post_feedforward_layernorm", sizes.hidden(), epsilon))));
        }
        Head head = names.head(json.flag("tie_word_embeddings", true));
        return names.model(json, layers, Wiring.dense(), norm("model.norm", sizes.hidden(), epsilon))
                .withEmbedding(Embedding.of(names.tokens()).times(Math.sqrt(sizes.hidden())))
                .withHead(
                        json.has("final_logit_softcapping")
                                ? head.cappedTo(json.positive("final_logit_softcapping", 0))
                                : head);
    }

    private static Norm norm(String name, int size, double epsilon) {
        return Norm.rms(name, size, epsilon).withOnePlusWeight();
    }
}
