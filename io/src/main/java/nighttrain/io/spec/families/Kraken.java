package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Table;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;

/**
 * Kraken (arXiv 2408.07802): tracks that receive one another's streams one layer late, joined at the end. The block is its authors' (LayerNorm, GELU,
 * learned positions) or Llama's, depending on {@code norm}, {@code hidden_act} and {@code position}; with {@code bias} every linear layer, LayerNorm
 * and the join have one. Sizes are those of one track.
 */
final class Kraken {
    private Kraken() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(2048, 0, 0));
        LlamaNames names = new LlamaNames(sizes);
        Wirings.refuseBesideTracks(json, sizes.layers());
        int tracks = json.requiredParts("num_tracks");
        boolean bias = json.flag("bias", false);
        Optional<Rope> rope = rope(json, sizes);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = "model.tracks." + TensorSpec.TRACK + ".layers." + i + ".";
            layers.add(LayerSpec.preNorm(
                    norm(json, layer + "input_layernorm", sizes.hidden(), bias),
                    names.attention(layer, bias, bias, Optional.empty(), rope, 0),
                    norm(json, layer + "post_attention_layernorm", sizes.hidden(), bias),
                    mlp(json, names, layer, bias)));
        }
        Optional<Table> positions = rope.isPresent()
                ? Optional.empty()
                : Optional.of(new Table("model.embed_positions.weight", sizes.positions(), sizes.hidden()));
        return new ModelSpec(
                "kraken",
                sizes.positions(),
                new Embedding(names.tokens(), 1, positions),
                layers,
                Wiring.kraken(tracks, Linear.of("model.join", sizes.hidden(), tracks * sizes.hidden(), bias)),
                norm(json, "model.norm", sizes.hidden(), bias),
                names.head(json.flag("tie_word_embeddings", false)),
                List.of());
    }

    private static Norm norm(ConfigJson json, String name, int hidden, boolean bias) {
        return switch (json.text("norm", "rms")) {
            case "rms" -> Norm.rms(name, hidden, json.positive("rms_norm_eps", 1e-6));
            case "layer" ->
                Norm.layer(name, hidden, json.positive("layer_norm_eps", json.positive("rms_norm_eps", 1e-5)), bias);
            default -> throw json.bad("norm", "rms or layer");
        };
    }

    private static Optional<Rope> rope(ConfigJson json, Sizes sizes) {
        return switch (json.text("position", "rope")) {
            case "learned" -> Optional.empty();
            case "rope" -> Optional.of(Ropes.whole(json, sizes));
            default -> throw json.bad("position", "rope or learned");
        };
    }

    private static Mlp mlp(ConfigJson json, LlamaNames names, String layer, boolean bias) {
        return switch (json.text("hidden_act", "silu")) {
            case "silu", "swish" -> names.gatedMlp(layer, Mlp.Activation.SILU, bias);
            case "gelu_new", "gelu_pytorch_tanh" -> names.plainMlp(layer, Mlp.Activation.GELU_TANH, bias);
            default ->
                throw json.unsupported("hidden_act", "only silu and gelu_new are supported; choose another model");
        };
    }
}
