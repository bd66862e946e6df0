package nighttrain.io.spec.families;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Shared;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;

/** Qwen 3 with experts instead of MLPs, in all layers or in some (arXiv 2505.09388). */
final class Qwen3Moe {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("partial_rotary_factor", "mlp_bias", "sliding_window", "layer_types");

    private Qwen3Moe() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(32_768, 4, 0));
        LlamaNames names = new LlamaNames(sizes);
        int experts = json.size("num_local_experts", json.size("num_experts", 128));
        return Qwen3.model(
                json,
                sizes,
                windows(json, sizes.layers()),
                feedForwards(json, names, experts, new Defaults(8, 768, false), 0));
    }

    /** The defaults of a family for {@code num_experts_per_tok}, {@code moe_intermediate_size} and {@code norm_topk_prob}. */
    record Defaults(int chosen, int width, boolean renormalized) {}

    /**
     * Returns the feed-forwards by layer: experts in some layers, MLPs in the others.
     *
     * @param experts number of experts
     * @param sharedWidth width of the shared expert; 0: none
     */
    static IntFunction<FeedForward> feedForwards(
            ConfigJson json, LlamaNames names, int experts, Defaults absent, int sharedWidth) {
        Mlp.Activation activation = json.silu("hidden_act");
        int chosen = ExpertLayout.chosen(json, absent.chosen(), experts);
        ExpertLayout layout =
                new ExpertLayout(experts, names.sizes().hidden(), json.size("moe_intermediate_size", absent.width()));
        boolean renormalized = json.flag("norm_topk_prob", absent.renormalized());
        IntPredicate sparse = sparse(json, names.sizes().layers());
        return layer -> {
            String at = LlamaNames.layer(layer) + "mlp.";
            return sparse.test(layer)
                    ? mixture(
                            layout,
                            at,
                            activation,
                            Router.softmax(layout.router(at + "gate", false), chosen, renormalized),
                            sharedWidth == 0
                                    ? Optional.empty()
                                    : Optional.of(Qwen35Moe.shared(names, at, activation, sharedWidth)))
                    : names.gatedMlp(LlamaNames.layer(layer), activation, false);
        };
    }

    /** Returns which layers have experts. */
    static IntPredicate sparse(ConfigJson json, int layers) {
        int step = json.size("decoder_sparse_step", 1);
        Set<Integer> dense = json.layerNumbers("mlp_only_layers", layers).orElse(Set.of());
        return layer -> !dense.contains(layer) && (layer + 1) % step == 0;
    }

    /** Returns experts under this family's names, which begin with {@code at}. */
    static FeedForward mixture(
            ExpertLayout layout, String at, Mlp.Activation activation, Router router, Optional<Shared> shared) {
        return new MixtureOfExperts(
                router,
                new Activation.Plain(activation),
                layout.separate(at + "experts.", "gate_proj", "up_proj", "down_proj"),
                shared);
    }

    /** Returns a window for all layers or for none. */
    private static List<Integer> windows(ConfigJson json, int layers) {
        boolean slides = json.flag("use_sliding_window", false) && !json.isExplicitNull("sliding_window");
        return Collections.nCopies(layers, slides ? json.size("sliding_window", 4096) : 0);
    }
}
