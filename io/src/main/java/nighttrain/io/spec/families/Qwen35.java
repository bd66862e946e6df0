package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.HeadNorms;
import nighttrain.io.spec.Attention.Projections;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec.Fill;
import nighttrain.io.spec.Wiring;

/**
 * Qwen 3.5 to 3.8, dense: gated delta nets, and every fourth layer attention with an output gate and rotary positions on a quarter of each
 * head. Norms multiply by one plus their weight, but for those of delta nets.
 */
final class Qwen35 {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("sliding_window", "max_window_layers");

    private static final Sizes.Defaults ABSENT = new Sizes.Defaults(32_768, 4, 256, 16, 248_320);
    private static final String FULL = "full_attention";
    private static final String LINEAR = "linear_attention";

    private Qwen35() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, ABSENT);
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        return model(json, sizes, layer -> names.gatedMlp(LlamaNames.layer(layer), activation, false));
    }

    /** Of these feed-forwards, by layer. */
    static ModelSpec model(ConfigJson json, Sizes sizes, IntFunction<FeedForward> feedForward) {
        LlamaNames names = new LlamaNames(sizes);
        Wiring wiring = Wirings.of(json, sizes.layers());
        if (!json.flag("attn_output_gate", true)) {
            throw json.unsupported("attn_output_gate", "only true is supported; choose another model");
        }
        Rope rope = Ropes.partial(json, sizes, 0.25);
        boolean bias = json.flag("attention_bias", false);
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        DeltaSizes deltas = DeltaSizes.of(json);
        List<Boolean> full = full(json, sizes.layers());
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            Mixer mixer = full.get(i)
                    ? attention(names, layer, bias, rope, epsilon)
                    : deltas.net(layer + "linear_attn.", sizes.hidden(), epsilon);
            layers.add(names.layer(
                    wiring,
                    norm(layer + "input_layernorm", sizes.hidden(), epsilon),
                    mixer,
                    norm(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    feedForward.apply(i)));
        }
        return names.model(json, layers, wiring, norm("model.norm", sizes.hidden(), epsilon));
    }

    /** By layer, whether it attends to all positions. */
    private static List<Boolean> full(ConfigJson json, int layers) {
        int interval = json.size("full_attention_interval", 4);
        List<String> types = json.texts("layer_types")
                .orElseGet(() -> IntStream.rangeClosed(1, layers)
                        .mapToObj(layer -> layer % interval == 0 ? FULL : LINEAR)
                        .toList());
        if (types.size() != layers) {
            throw UserError.of(
                    "bad layer_types in " + json.file(),
                    types.size() + " entries",
                    "one per layer, " + layers + "; correct it");
        }
        types.stream()
                .filter(type -> !type.equals(FULL) && !type.equals(LINEAR))
                .forEach(type -> {
                    throw UserError.of(
                            "unsupported layer_types in " + json.file(),
                            type,
                            FULL + " and " + LINEAR + " are supported; choose another model");
                });
        return types.stream().map(FULL::equals).toList();
    }

    /** {@code q_proj} has the query and the gate of every head side by side. */
    private static Attention attention(LlamaNames names, String layer, boolean bias, Rope rope, double epsilon) {
        int headDim = names.sizes().headDim();
        HeadNorms headNorms = new HeadNorms(
                norm(layer + "self_attn.q_norm", headDim, epsilon), norm(layer + "self_attn.k_norm", headDim, epsilon));
        Attention plain = names.attention(layer, bias, bias, Optional.of(headNorms), Optional.of(rope), 0);
        Projections whole = plain.projections();
        return plain.with(new Projections(
                half(whole.query(), 0, headDim),
                whole.key(),
                whole.value(),
                Optional.of(half(whole.query(), headDim, headDim)),
                whole.output()));
    }

    private static Linear half(Linear query, int first, int headDim) {
        Linear.Order heads = new Linear.Order.Runs(headDim, 2 * headDim);
        return query.storedAs(new Linear.Storage(first, heads, 2 * query.outputs(), false));
    }

    private static Norm norm(String name, int size, double epsilon) {
        return Norm.rms(name, size, epsilon).withOnePlusWeight();
    }

    /** The sizes of delta nets. */
    private record DeltaSizes(int keyHeads, int valueHeads, int keyDim, int valueDim, int width) {
        static DeltaSizes of(ConfigJson json) {
            DeltaSizes sizes = new DeltaSizes(
                    json.size("linear_num_key_heads", 16),
                    json.size("linear_num_value_heads", 32),
                    json.size("linear_key_head_dim", 128),
                    json.size("linear_value_head_dim", 128),
                    json.size("linear_conv_kernel_dim", 4));
            if (sizes.valueHeads % sizes.keyHeads != 0) {
                throw UserError.of(
                        "bad linear_num_key_heads in " + json.file(),
                        sizes.keyHeads,
                        "must divide linear_num_value_heads, " + sizes.valueHeads + "; correct it");
            }
            return sizes;
        }

        /** @param at how its names begin */
        GatedDeltaNet net(String at, int hidden, double epsilon) {
            int keys = keyHeads * keyDim;
            int values = valueHeads * valueDim;
            int mixed = 2 * keys + values;
            return new GatedDeltaNet(
                    keyHeads,
                    valueHeads,
                    keyDim,
                    valueDim,
                    part(at, hidden, 0, keys, mixed),
                    part(at, hidden, keys, keys, mixed),
                    part(at, hidden, 2 * keys, values, mixed),
                    Linear.of(at + "in_proj_z", values, hidden, false),
                    Linear.of(at + "in_proj_b", valueHeads, hidden, false),
                    Linear.of(at + "in_proj_a", valueHeads, hidden, false),
                    Convolution.of(at + "conv1d", mixed, width),
                    new Vector(at + "A_log", valueHeads, Fill.ZERO),
                    new Vector(at + "dt_bias", valueHeads, Fill.ONE),
                    Norm.rms(at + "norm", valueDim, epsilon),
                    Linear.of(at + "out_proj", hidden, values, false));
        }

        private static Linear part(String at, int hidden, int first, int outputs, int all) {
            return Linear.of(at + "in_proj_qkv", outputs, hidden, false)
                    .storedAs(new Linear.Storage(first, all, false));
        }
    }
}
