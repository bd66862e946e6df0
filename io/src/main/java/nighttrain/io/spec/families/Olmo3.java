package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.Attention.HeadNorms;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Wiring;

/**
 * OLMo 3: norms after modules and none before; queries and keys normed over all heads at once; three layers with a window for each layer that sees
 * all positions; only the latter has scaled rotary positions.
 */
final class Olmo3 {
    private static final double ABSENT_THETA = 500_000;
    private static final Ropes.Thetas THETAS = new Ropes.Thetas("rope_theta", ABSENT_THETA, "rope_theta", ABSENT_THETA);

    private Olmo3() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(2048, 0, 0));
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        if (!json.has("rope_parameters") && json.positive("rope_theta", ABSENT_THETA) != ABSENT_THETA) {
            throw json.unsupported(
                    "rope_theta",
                    "transformers 4 uses it in all layers, 5 in those without a window only; give rope_parameters with a"
                            + " rope_theta for each layer type");
        }
        Ropes.ByLayerType ropes = Ropes.byLayerType(json, sizes, THETAS);
        boolean bias = json.flag("attention_bias", false);
        double epsilon = json.positive("rms_norm_eps", 1e-5);
        int window = json.isExplicitNull("sliding_window") ? 0 : json.size("sliding_window", 4096);
        List<Integer> windows = Windows.fullEvery(4, json, sizes.layers(), window);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            HeadNorms overAllHeads = new HeadNorms(
                    Norm.rms(layer + "self_attn.q_norm", sizes.heads() * sizes.headDim(), epsilon),
                    Norm.rms(layer + "self_attn.k_norm", sizes.kvHeads() * sizes.headDim(), epsilon));
            layers.add(new LayerSpec(
                    Optional.empty(),
                    names.attention(
                            layer,
                            bias,
                            bias,
                            Optional.of(overAllHeads),
                            Optional.of(ropes.of(windows.get(i))),
                            windows.get(i)),
                    Residual.normed(Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon)),
                    Optional.empty(),
                    names.gatedMlp(layer, activation, false),
                    Residual.normed(Norm.rms(layer + "post_feedforward_layernorm", sizes.hidden(), epsilon))));
        }
        return names.model(json, layers, Wiring.dense(), Norm.rms("model.norm", sizes.hidden(), epsilon));
    }
}
