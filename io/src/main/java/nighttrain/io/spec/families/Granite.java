package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Shared;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/** Granite 3: Llama with multipliers of embeddings, of attention's scores and of each module's output, and a divisor of logits. */
final class Granite {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("partial_rotary_factor", "sliding_window", "use_sliding_window");

    private static final Sizes.Defaults ABSENT = new Sizes.Defaults(2048, 0, 0);

    private Granite() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, ABSENT);
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        boolean bias = json.flag("mlp_bias", false);
        return model(json, sizes, layer -> names.gatedMlp(LlamaNames.layer(layer), activation, bias));
    }

    /** Reads Granite 3 with experts: softmax over the logits of the chosen experts. */
    static ModelSpec readMoe(ConfigJson json) {
        Sizes sizes = Sizes.of(json, ABSENT);
        Activation activation = json.silu("hidden_act");
        int experts = json.size("num_local_experts", json.size("num_experts", 8));
        ExpertLayout layout = new ExpertLayout(experts, sizes.hidden(), sizes.intermediate());
        int chosen = ExpertLayout.chosen(json, 2, experts);
        return model(
                json, sizes, layer -> mixture(layout, LlamaNames.layer(layer), activation, chosen, Optional.empty()));
    }

    /** Returns experts under the names of Granite's layers, which begin with {@code layer}. */
    static FeedForward mixture(
            ExpertLayout layout, String layer, Activation activation, int chosen, Optional<Shared> shared) {
        String at = layer + "block_sparse_moe.";
        return new MixtureOfExperts(
                Router.softmaxOfChosen(layout.router(at + "router.layer", false), chosen),
                new MixtureOfExperts.Activation.Plain(activation),
                layout.packed(at + "input_linear.weight", at + "output_linear.weight"),
                shared);
    }

    private static ModelSpec model(ConfigJson json, Sizes sizes, IntFunction<FeedForward> feedForward) {
        return model(json, sizes, attention(json, sizes, Optional.of(Ropes.whole(json, sizes))), feedForward);
    }

    /** Returns the attention of each layer. */
    static IntFunction<Mixer> attention(ConfigJson json, Sizes sizes, Optional<Rope> rope) {
        LlamaNames names = new LlamaNames(sizes);
        boolean bias = json.flag("attention_bias", false);
        double multiplier = json.positive("attention_multiplier", 1);
        return layer -> names.attention(LlamaNames.layer(layer), bias, bias, Optional.empty(), rope, 0)
                .withScale(multiplier);
    }

    /** Returns a model of these mixers and feed-forwards, by layer, with Granite's multipliers. */
    static ModelSpec model(
            ConfigJson json, Sizes sizes, IntFunction<Mixer> mixer, IntFunction<FeedForward> feedForward) {
        LlamaNames names = new LlamaNames(sizes);
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        Residual residual = Residual.times(json.positive("residual_multiplier", 1));
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(new LayerSpec(
                    Optional.of(Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon)),
                    mixer.apply(i),
                    residual,
                    Optional.of(Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon)),
                    feedForward.apply(i),
                    residual));
        }
        return names.model(json, layers, Wiring.dense(), Norm.rms("model.norm", sizes.hidden(), epsilon))
                .withEmbedding(Embedding.of(names.tokens()).times(json.positive("embedding_multiplier", 1)))
                .withHead(names.head(json.flag("tie_word_embeddings", false))
                        .dividedBy(json.positive("logits_scaling", 1)));
    }
}
