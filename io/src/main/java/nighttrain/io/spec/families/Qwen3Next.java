package nighttrain.io.spec.families;

import java.util.Optional;
import java.util.Set;
import java.util.function.IntPredicate;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;

/**
 * Qwen 3 Next, the predecessor of Qwen 3.5: the same layers, with delta nets stored by key head, Qwen 3's experts and a shared expert, and optionally
 * an MLP in some layers.
 */
final class Qwen3Next {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("mlp_bias", "sliding_window", "use_sliding_window");

    private static final Sizes.Defaults ABSENT = new Sizes.Defaults(32_768, 2, 256, 16, 151_936, 5632);

    private Qwen3Next() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, ABSENT);
        LlamaNames names = new LlamaNames(sizes);
        Mlp.Activation activation = json.silu("hidden_act");
        int experts = json.size("num_experts", 512);
        int chosen = ExpertLayout.chosen(json, 10, experts);
        ExpertLayout layout = new ExpertLayout(experts, sizes.hidden(), json.size("moe_intermediate_size", 512));
        int sharedWidth = json.size("shared_expert_intermediate_size", 512);
        boolean renormalized = json.flag("norm_topk_prob", true);
        IntPredicate sparse = Qwen3Moe.sparse(json, sizes.layers());
        return Qwen35.model(json, sizes, DeltaNetLayout::byKeyHead, layer -> {
            String at = LlamaNames.layer(layer) + "mlp.";
            return sparse.test(layer)
                    ? Qwen3Moe.mixture(
                            layout,
                            at,
                            activation,
                            Router.softmax(layout.router(at + "gate", false), chosen, renormalized),
                            Optional.of(Qwen35Moe.shared(names, at, activation, sharedWidth)))
                    : names.gatedMlp(LlamaNames.layer(layer), activation, false);
        });
    }
}
