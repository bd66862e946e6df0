package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.Attention.HeadNorms;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Router.Groups;
import nighttrain.io.spec.MixtureOfExperts.Router.Score;
import nighttrain.io.spec.MixtureOfExperts.Shared;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec.Fill;
import nighttrain.io.spec.Wiring;

/**
 * GLM 4.5 to 4.7 with experts (arXiv 2508.06471): Llama with DeepSeek V3's experts beside a shared one, behind a few layers with MLPs; half of each
 * head rotated; biases on queries, keys and values. Layers that predict further tokens are ignored.
 */
final class Glm4Moe {
    private Glm4Moe() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(131_072, 8, 0));
        LlamaNames names = new LlamaNames(sizes);
        Optional<Rope> rope = Optional.of(Ropes.partial(json, sizes, 0.5));
        boolean bias = json.flag("attention_bias", false);
        boolean normsHeads = json.flag("use_qk_norm", false);
        double epsilon = json.positive("rms_norm_eps", 1e-5);
        int withMlp = json.integer("first_k_dense_replace", 1);
        Mlp.Activation activation = json.silu("hidden_act");
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            Optional<HeadNorms> norms = normsHeads ? Optional.of(names.headNorms(layer, epsilon)) : Optional.empty();
            layers.add(LayerSpec.preNorm(
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    names.attention(layer, bias, false, norms, rope, 0),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    i < withMlp
                            ? names.gatedMlp(layer, activation, false)
                            : mixture(json, names, layer + "mlp.", activation)));
        }
        return names.model(json, layers, Wiring.dense(), Norm.rms("model.norm", sizes.hidden(), epsilon));
    }

    private static FeedForward mixture(ConfigJson json, LlamaNames names, String at, Mlp.Activation activation) {
        int experts = json.size("num_local_experts", json.size("n_routed_experts", 128));
        int chosen = ExpertLayout.chosen(json, 8, experts);
        ExpertLayout layout =
                new ExpertLayout(experts, names.sizes().hidden(), json.size("moe_intermediate_size", 1408));
        Router router = new Router(
                Optional.empty(),
                layout.router(at + "gate", false),
                0,
                Score.SIGMOID,
                Optional.of(new Vector(at + "gate.e_score_correction_bias", experts, Fill.ZERO)),
                groups(json, experts, chosen),
                chosen,
                json.flag("norm_topk_prob", true),
                json.positive("routed_scaling_factor", 1),
                Optional.empty());
        int sharedWidth = layout.width() * json.size("n_shared_experts", 1);
        Mlp shared = names.gatedMlp(at + "shared_experts.", activation, sharedWidth, false);
        return Qwen3Moe.mixture(layout, at, activation, router, Optional.of(new Shared(shared, Optional.empty())));
    }

    private static Optional<Groups> groups(ConfigJson json, int experts, int chosen) {
        int count = json.size("n_group", 1);
        int kept = json.size("topk_group", 1);
        if (experts % count != 0 || experts / count < 2) {
            throw json.bad("n_group", "must divide the number of experts, " + experts + ", into groups of at least 2");
        }
        if (kept > count || kept * (experts / count) < chosen) {
            throw json.bad(
                    "topk_group",
                    "at most n_group, " + count + ", and large enough for num_experts_per_tok, " + chosen);
        }
        return count > 1 ? Optional.of(new Groups(count, kept)) : Optional.empty();
    }
}
