package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.spec.GatedLinearAttention;
import nighttrain.io.spec.GatedLinearAttention.Decay;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.ModelSpec.Head;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Table;
import nighttrain.io.spec.Wiring;

/**
 * Gated linear attention as its authors publish it (flash-linear-attention's {@code GLAForCausalLM}): no attention and no positions. Keys and
 * defaults are those of that library.
 */
final class Gla {
    private static final int MLP_UNIT = 256;
    private static final String OTHERS = "; choose another model";

    private Gla() {}

    static ModelSpec read(ConfigJson json) {
        refuse(json);
        int layers = json.has("num_hidden_layers") ? json.requiredParts("num_hidden_layers") : 24;
        int hidden = json.size("hidden_size", 2048);
        Sizes sizes = new Sizes(
                layers,
                hidden,
                json.size("intermediate_size", intermediate(hidden, json.size("hidden_ratio", 4))),
                json.size("num_heads", 4),
                json.size("num_kv_heads", json.size("num_heads", 4)),
                0,
                json.size("vocab_size", 32_000),
                json.size("max_position_embeddings", 2048));
        if (sizes.kvHeads() != sizes.heads()) {
            throw json.unsupported("num_kv_heads", "only as many as num_heads, " + sizes.heads() + OTHERS);
        }
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        double epsilon = json.positive("norm_eps", 1e-6);
        Heads heads = Heads.of(json, sizes, epsilon);
        List<LayerSpec> all = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            String layer = LlamaNames.layer(i);
            all.add(LayerSpec.preNorm(
                    Norm.rms(layer + "attn_norm", hidden, epsilon),
                    heads.attention(layer + "attn."),
                    Norm.rms(layer + "mlp_norm", hidden, epsilon),
                    names.gatedMlp(layer, activation, false)));
        }
        Table tokens = new Table("model.embeddings.weight", sizes.vocabulary(), hidden);
        return new ModelSpec(
                json.text("model_type", ""),
                sizes.positions(),
                Embedding.of(tokens),
                all,
                Wiring.dense(),
                Norm.rms("model.norm", hidden, epsilon),
                Head.of(
                        Linear.of("lm_head", sizes.vocabulary(), hidden, false),
                        json.flag("tie_word_embeddings", false),
                        tokens),
                List.of());
    }

    private static void refuse(ConfigJson json) {
        if (json.has("attn")) {
            throw json.unsupported("attn", "layers of attention in between are not supported" + OTHERS);
        }
        if (json.has("feature_map")) {
            throw json.unsupported("feature_map", "queries and keys are taken as they are" + OTHERS);
        }
        for (String key : List.of("use_output_gate", "elementwise_affine")) {
            if (!json.flag(key, true)) {
                throw json.unsupported(key, "only true is supported" + OTHERS);
            }
        }
    }

    /** Returns the default width of the MLP: two thirds of {@code hidden * ratio}, rounded up to a multiple of {@code MLP_UNIT}. */
    private static int intermediate(int hidden, int ratio) {
        return (int) ((long) hidden * ratio * 2 / 3 + MLP_UNIT - 1) / MLP_UNIT * MLP_UNIT;
    }

    /**
     * The sizes of the mixers, which are all alike.
     *
     * @param width width of convolutions; 0 without any
     * @param norm last part of the norm's name
     */
    private record Heads(
            int heads,
            int keys,
            int values,
            int hidden,
            int rank,
            double divisor,
            Optional<Double> least,
            int width,
            boolean convolutionBias,
            String norm,
            double epsilon) {
        static Heads of(ConfigJson json, Sizes sizes, double epsilon) {
            boolean convolves = json.flag("use_short_conv", false);
            int width = json.size("conv_size", 4);
            boolean bias = json.flag("conv_bias", false);
            return new Heads(
                    sizes.heads(),
                    columns(json, "expand_k", 0.5, sizes),
                    columns(json, "expand_v", 1, sizes),
                    sizes.hidden(),
                    json.size("gate_low_rank_dim", 16),
                    json.positive("gate_logit_normalizer", 16),
                    least(json),
                    convolves ? width : 0,
                    bias,
                    json.flag("fuse_norm", true) ? "g_norm_swish_gate" : "g_norm",
                    epsilon);
        }

        private static int columns(ConfigJson json, String key, double absent, Sizes sizes) {
            int columns = (int) (sizes.hidden() * json.positive(key, absent));
            if (columns < 1 || columns % sizes.heads() != 0) {
                throw UserError.of(
                        "bad " + key + " in " + json.file(),
                        json.positive(key, absent),
                        "times hidden_size, " + sizes.hidden() + ", must be a multiple of num_heads, " + sizes.heads()
                                + "; correct it");
            }
            return columns;
        }

        private static Optional<Double> least(ConfigJson json) {
            if (!json.has("clamp_min")) {
                return Optional.empty();
            }
            double least = json.node().get("clamp_min").asDouble(Double.NaN);
            if (!(least <= 0)) {
                throw json.bad("clamp_min", "a number up to 0");
            }
            return Optional.of(least);
        }

        GatedLinearAttention attention(String at) {
            return new GatedLinearAttention(
                    heads,
                    keys / heads,
                    values / heads,
                    Linear.of(at + "q_proj", keys, hidden, false),
                    Linear.of(at + "k_proj", keys, hidden, false),
                    Linear.of(at + "v_proj", values, hidden, false),
                    Linear.of(at + "g_proj", values, hidden, false),
                    new Decay(
                            Linear.of(at + "gk_proj.0", rank, hidden, false),
                            Linear.of(at + "gk_proj.1", keys, rank, true),
                            divisor,
                            least),
                    width == 0
                            ? List.of()
                            : List.of(
                                    convolution(at + "q_conv1d", keys),
                                    convolution(at + "k_conv1d", keys),
                                    convolution(at + "v_conv1d", values)),
                    Norm.rms(at + norm, values / heads, epsilon),
                    Linear.of(at + "o_proj", hidden, values, false));
        }

        private Convolution convolution(String name, int channels) {
            return new Convolution(
                    name + ".weight",
                    convolutionBias ? Optional.of(name + ".bias") : Optional.empty(),
                    channels,
                    width);
        }
    }
}
