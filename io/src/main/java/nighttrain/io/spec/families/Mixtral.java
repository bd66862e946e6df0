package nighttrain.io.spec.families;

import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;

/** Mixtral 8x7B and 8x22B (arXiv 2401.04088): Mistral with experts instead of MLPs. */
final class Mixtral {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED =
            Set.of("partial_rotary_factor", "attention_bias", "mlp_bias", "use_sliding_window", "layer_types");

    private Mixtral() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(131_072, 8, 0));
        Mlp.Activation activation = json.silu("hidden_act");
        int experts = json.size("num_experts", json.size("num_local_experts", 8));
        ExpertLayout layout = new ExpertLayout(experts, sizes.hidden(), sizes.intermediate());
        int chosen = ExpertLayout.chosen(json, 2, experts);
        return Mistral.model(
                json,
                sizes,
                Ropes.whole(json, sizes, 1_000_000),
                json.positive("rms_norm_eps", 1e-5),
                Collections.nCopies(sizes.layers(), json.size("sliding_window", 0)),
                layer -> {
                    String at = LlamaNames.layer(layer) + "block_sparse_moe.";
                    return new MixtureOfExperts(
                            Router.softmax(layout.router(at + "gate", false), chosen, true),
                            new Activation.Plain(activation),
                            layout.separate(at + "experts.", "w1", "w3", "w2"),
                            Optional.empty());
                });
    }
}
