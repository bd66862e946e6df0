package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.Projections;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.ModelSpec.Head;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/** Phi 1, 1.5 and 2 (arXiv 2309.05463): parallel blocks after LayerNorm, a plain MLP, half of each head rotated, biases everywhere. */
final class Phi {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("attention_bias", "mlp_bias");

    private Phi() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(2048, 0, 0));
        LlamaNames names = new LlamaNames(sizes);
        if (json.flag("qk_layernorm", false)) {
            throw json.unsupported("qk_layernorm", "only false is supported; choose another model");
        }
        if (!json.flag("parallel_block", true)) {
            throw json.unsupported("parallel_block", "phi is made of parallel blocks; drop the key");
        }
        if (Wirings.ladderLayers(json, sizes.layers()) > 0) {
            throw json.bad("ladder_layers", "0 where parallel_block is true");
        }
        Mlp.Activation activation = json.gelu("hidden_act");
        Optional<Rope> rope = Optional.of(Ropes.partial(json, sizes, 0.5));
        double epsilon = json.positive("layer_norm_eps", json.positive("rms_norm_eps", 1e-5));
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            Attention llama = names.attention(layer, true, true, Optional.empty(), rope, 0);
            Projections projections = llama.projections();
            layers.add(LayerSpec.sideBySide(
                    Norm.layer(layer + "input_layernorm", sizes.hidden(), epsilon, true),
                    llama.with(new Projections(
                            projections.query(),
                            projections.key(),
                            projections.value(),
                            Linear.of(
                                    layer + "self_attn.dense",
                                    sizes.hidden(),
                                    projections.output().inputs(),
                                    true))),
                    new Mlp(
                            activation,
                            Optional.empty(),
                            Linear.of(layer + "mlp.fc1", sizes.intermediate(), sizes.hidden(), true),
                            Linear.of(layer + "mlp.fc2", sizes.hidden(), sizes.intermediate(), true))));
        }
        return new ModelSpec(
                "phi",
                sizes.positions(),
                Embedding.of(names.tokens()),
                layers,
                Wiring.parallelBlock(),
                Norm.layer("model.final_layernorm", sizes.hidden(), epsilon, true),
                Head.of(
                        Linear.of("lm_head", sizes.vocabulary(), sizes.hidden(), true),
                        json.flag("tie_word_embeddings", false),
                        names.tokens()),
                List.of());
    }
}
