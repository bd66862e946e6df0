package nighttrain.io.spec.families;

import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.HeadNorms;
import nighttrain.io.spec.Attention.Projections;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.ModelSpec.Head;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Table;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/** Parts under Llama's tensor names, which most families share. {@code layer} is the prefix of a layer's names. */
record LlamaNames(Sizes sizes) {
    /** {@code model.layers.7.} */
    static String layer(int number) {
        return "model.layers." + number + ".";
    }

    Attention attention(
            String layer,
            boolean bias,
            boolean outputBias,
            Optional<HeadNorms> norms,
            Optional<Rope> rope,
            int window) {
        String at = layer + "self_attn.";
        int queries = sizes.heads() * sizes.headDim();
        int keys = sizes.kvHeads() * sizes.headDim();
        return Attention.of(
                sizes.heads(),
                sizes.kvHeads(),
                sizes.headDim(),
                new Projections(
                        Linear.of(at + "q_proj", queries, sizes.hidden(), bias),
                        Linear.of(at + "k_proj", keys, sizes.hidden(), bias),
                        Linear.of(at + "v_proj", keys, sizes.hidden(), bias),
                        Linear.of(at + "o_proj", sizes.hidden(), queries, outputBias)),
                norms,
                rope,
                window);
    }

    /** Returns norms of each head of queries and keys. */
    HeadNorms headNorms(String layer, double epsilon) {
        return new HeadNorms(
                Norm.rms(layer + "self_attn.q_norm", sizes.headDim(), epsilon),
                Norm.rms(layer + "self_attn.k_norm", sizes.headDim(), epsilon));
    }

    Mlp gatedMlp(String layer, Mlp.Activation activation, boolean bias) {
        return gatedMlp(layer + "mlp.", activation, sizes.intermediate(), bias);
    }

    /** Returns an MLP of this width, such as a shared expert; {@code at} is the prefix of its names. */
    Mlp gatedMlp(String at, Mlp.Activation activation, int width, boolean bias) {
        return new Mlp(
                activation,
                Optional.of(Linear.of(at + "gate_proj", width, sizes.hidden(), bias)),
                Linear.of(at + "up_proj", width, sizes.hidden(), bias),
                Linear.of(at + "down_proj", sizes.hidden(), width, bias));
    }

    Mlp plainMlp(String layer, Mlp.Activation activation, boolean bias) {
        return new Mlp(
                activation,
                Optional.empty(),
                Linear.of(layer + "mlp.up_proj", sizes.intermediate(), sizes.hidden(), bias),
                Linear.of(layer + "mlp.down_proj", sizes.hidden(), sizes.intermediate(), bias));
    }

    /** Returns a layer with norms before the mixer and before the feed-forward; in a parallel block with the first one only. */
    LayerSpec layer(Wiring wiring, Norm first, Mixer mixer, Norm second, FeedForward feedForward) {
        return wiring instanceof Wiring.ParallelBlock
                ? LayerSpec.sideBySide(first, mixer, feedForward)
                : LayerSpec.preNorm(first, mixer, second, feedForward);
    }

    Table tokens() {
        return new Table("model.embed_tokens.weight", sizes.vocabulary(), sizes.hidden());
    }

    Head head(boolean tied) {
        return Head.of(Linear.of("lm_head", sizes.vocabulary(), sizes.hidden(), false), tied, tokens());
    }

    /** Returns a model of {@code layers} with an embedding, a final norm, and a head that is tied where config.json says so. */
    ModelSpec model(ConfigJson json, List<LayerSpec> layers, Wiring wiring, Norm finalNorm) {
        return new ModelSpec(
                json.text("model_type", ""),
                sizes.positions(),
                Embedding.of(tokens()),
                layers,
                wiring,
                finalNorm,
                head(json.flag("tie_word_embeddings", false)),
                List.of());
    }
}
