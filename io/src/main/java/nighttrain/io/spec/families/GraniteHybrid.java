package nighttrain.io.spec.families;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;
import nighttrain.io.UserError;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.MixtureOfExperts.Shared;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec.Fill;

/**
 * Granite 4: Granite's multipliers, Mamba-2 layers, and some layers of attention, mostly without positions. The MLP processes every token; where
 * there are experts, the chosen ones add to it.
 */
final class GraniteHybrid {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED =
            Set.of("partial_rotary_factor", "sliding_window", "use_sliding_window", "mlp_bias");

    private static final Sizes.Defaults ABSENT = new Sizes.Defaults(2048, 0, 0, 32, 32_000);

    private GraniteHybrid() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, ABSENT);
        Activation activation = json.silu("hidden_act");
        Optional<Rope> rope = json.text("position_embedding_type", "").equals("rope")
                ? Optional.of(Ropes.whole(json, sizes))
                : Optional.empty();
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        IntFunction<Mixer> attention = Granite.attention(json, sizes, rope);
        MambaSizes mambas = MambaSizes.of(json, sizes);
        List<Boolean> recurrent = recurrent(json, sizes.layers());
        return Granite.model(
                json,
                sizes,
                layer -> recurrent.get(layer)
                        ? mambas.mamba(LlamaNames.layer(layer) + "mamba.", sizes.hidden(), epsilon)
                        : attention.apply(layer),
                feedForward(json, sizes, activation));
    }

    /** Returns the feed-forward of each layer; without experts the MLP alone. */
    private static IntFunction<FeedForward> feedForward(ConfigJson json, Sizes sizes, Activation activation) {
        int width = json.size("shared_intermediate_size", 1024);
        IntFunction<Mlp> mlp = layer -> mlp(LlamaNames.layer(layer) + "shared_mlp.", activation, sizes.hidden(), width);
        int experts = json.integer("num_local_experts", 8);
        if (experts == 0) {
            return mlp::apply;
        }
        if (experts < 0) {
            throw json.bad("num_local_experts", "0 for a dense model, or more");
        }
        ExpertLayout layout = new ExpertLayout(experts, sizes.hidden(), sizes.intermediate());
        int chosen = ExpertLayout.chosen(json, 2, experts);
        return layer -> Granite.mixture(
                layout,
                LlamaNames.layer(layer),
                activation,
                chosen,
                Optional.of(new Shared(mlp.apply(layer), Optional.empty())));
    }

    /** Returns whether each layer is Mamba-2. Accepts the type names of published files and those that transformers 5 writes. */
    private static List<Boolean> recurrent(ConfigJson json, int layers) {
        String key = json.has("layer_types") ? "layer_types" : "layers_block_type";
        return json.textPerLayer(key, layers).orElseGet(() -> Collections.nCopies(layers, "mamba")).stream()
                .map(type -> switch (type) {
                    case "mamba", "linear_attention" -> true;
                    case "attention", "full_attention" -> false;
                    default ->
                        throw UserError.of(
                                "unsupported " + key + " in " + json.file(),
                                type,
                                "mamba and attention are supported; choose another model");
                })
                .toList();
    }

    /** Returns an MLP whose gate and up are stored in one tensor. */
    private static Mlp mlp(String at, Activation activation, int hidden, int width) {
        Linear both = Linear.of(at + "input_linear", width, hidden, false);
        return new Mlp(
                activation,
                Optional.of(both.storedAs(new Linear.Storage(0, 2 * width, false))),
                both.storedAs(new Linear.Storage(width, 2 * width, false)),
                Linear.of(at + "output_linear", hidden, width, false));
    }

    /** The sizes of the Mamba-2 layers, which are all alike. */
    private record MambaSizes(
            int heads,
            int headDim,
            int groups,
            int stateSize,
            int width,
            boolean convolutionBias,
            boolean bias,
            Mamba2.Steps steps) {
        static MambaSizes of(ConfigJson json, Sizes sizes) {
            int heads = json.size("mamba_n_heads", 128);
            int values = json.size("mamba_expand", 2) * sizes.hidden();
            boolean isAuto = !json.has("mamba_d_head")
                    || json.node().get("mamba_d_head").asText().equals("auto");
            MambaSizes mamba = new MambaSizes(
                    heads,
                    isAuto ? values / heads : json.size("mamba_d_head", 0),
                    json.size("mamba_n_groups", 1),
                    json.size("mamba_d_state", 256),
                    json.size("mamba_d_conv", 4),
                    json.flag("mamba_conv_bias", true),
                    json.flag("mamba_proj_bias", false),
                    steps(json));
            if (mamba.heads * mamba.headDim != values) {
                throw UserError.of(
                        "bad mamba_n_heads in " + json.file(),
                        heads,
                        "times mamba_d_head must be mamba_expand times hidden_size, " + values + "; correct it");
            }
            if (heads % mamba.groups != 0) {
                throw UserError.of(
                        "bad mamba_n_groups in " + json.file(),
                        mamba.groups,
                        "must divide mamba_n_heads, " + heads + "; correct it");
            }
            return mamba;
        }

        private static Mamba2.Steps steps(ConfigJson json) {
            if (!json.has("time_step_limit")) {
                return Mamba2.Steps.ANY;
            }
            JsonNode limits = json.node().get("time_step_limit");
            double least = limits.path(0).asDouble(Double.NaN);
            double most = number(limits.path(1));
            if (limits.size() != 2 || !(least >= 0 && least <= most)) {
                throw json.bad("time_step_limit", "two ascending numbers from 0");
            }
            return new Mamba2.Steps(least, most);
        }

        /** Parses a number. Transformers writes numbers that JSON cannot represent as objects. */
        private static double number(JsonNode node) {
            return node.path("__float__").asText().equals("Infinity")
                    ? Double.POSITIVE_INFINITY
                    : node.asDouble(Double.NaN);
        }

        /** @param at prefix of its names */
        Mamba2 mamba(String at, int hidden, double epsilon) {
            int values = heads * headDim;
            int ofGroups = groups * stateSize;
            int all = 2 * values + 2 * ofGroups + heads;
            int convolved = values + 2 * ofGroups;
            return new Mamba2(
                    new Mamba2.Heads(heads, headDim, groups, stateSize),
                    new Mamba2.Inputs(
                            part(at, hidden, values, values, all),
                            part(at, hidden, 2 * values, ofGroups, all),
                            part(at, hidden, 2 * values + ofGroups, ofGroups, all),
                            part(at, hidden, 0, values, all),
                            part(at, hidden, values + convolved, heads, all)),
                    new Convolution(
                            at + "conv1d.weight",
                            convolutionBias ? Optional.of(at + "conv1d.bias") : Optional.empty(),
                            convolved,
                            width),
                    new Vector(at + "A_log", heads, Fill.ZERO),
                    new Vector(at + "dt_bias", heads, Fill.ONE),
                    new Vector(at + "D", heads, Fill.ONE),
                    steps,
                    Norm.rms(at + "norm", values, epsilon),
                    Linear.of(at + "out_proj", hidden, values, bias));
        }

        /** Returns a part of {@code in_proj}, which has gates, values, B, C and steps side by side. */
        private Linear part(String at, int hidden, int first, int outputs, int all) {
            return Linear.of(at + "in_proj", outputs, hidden, bias).storedAs(new Linear.Storage(first, all, false));
        }
    }
}
