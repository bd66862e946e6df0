package nighttrain.io.spec.families;

import java.util.Set;
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
        int experts = json.size("num_experts", 512);
        int sharedWidth = json.size("shared_expert_intermediate_size", 512);
        return Qwen35.model(
                json,
                sizes,
                DeltaNetLayout::byKeyHead,
                Qwen3Moe.feedForwards(json, names, experts, new Qwen3Moe.Defaults(10, 512, true), sharedWidth));
    }
}
