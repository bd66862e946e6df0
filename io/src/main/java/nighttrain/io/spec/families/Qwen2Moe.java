package nighttrain.io.spec.families;

import java.util.Set;
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
        int experts = json.size("num_experts", 60);
        int sharedWidth = json.size("shared_expert_intermediate_size", 5632);
        int mostWindows = json.integer("max_window_layers", 28);
        return Qwen2.model(
                json,
                sizes,
                json.flag("qkv_bias", true),
                Windows.ofQwen(json, sizes.layers(), layer -> layer % 2 == 0 && layer < mostWindows),
                Qwen3Moe.feedForwards(json, names, experts, new Qwen3Moe.Defaults(4, 1408, false), sharedWidth));
    }
}
