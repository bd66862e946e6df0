package nighttrain.io.spec.families;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntPredicate;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;

/**
 * Qwen 1.5 and 2 with experts instead of MLPs, in all layers or in some, and a shared expert with a gate of its own (arXiv 2407.10671); every second of
 * the first layers may have a window.
 */
final class Qwen2Moe {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("partial_rotary_factor", "attention_bias", "mlp_bias", "sliding_window");

    private Qwen2Moe() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(32_768, 16, 0));
        LlamaNames names = new LlamaNames(sizes);
        Mlp.Activation activation = json.silu("hidden_act");
        int experts = json.size("num_experts", 60);
        int chosen = ExpertLayout.chosen(json, 4, experts);
        ExpertLayout layout = new ExpertLayout(experts, sizes.hidden(), json.size("moe_intermediate_size", 1408));
        int sharedWidth = json.size("shared_expert_intermediate_size", 5632);
        boolean renormalized = json.flag("norm_topk_prob", false);
        int mostWindows = json.integer("max_window_layers", 28);
        List<Integer> windows = Windows.ofQwen(json, sizes.layers(), layer -> layer % 2 == 0 && layer < mostWindows);
        IntPredicate sparse = Qwen3Moe.sparse(json, sizes.layers());
        return Qwen2.model(json, sizes, json.flag("qkv_bias", true), windows, layer -> {
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
