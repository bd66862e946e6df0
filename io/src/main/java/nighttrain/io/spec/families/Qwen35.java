package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
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
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;

/**
 * Qwen 3.5 to 3.8, dense: gated delta nets; every fourth layer is attention with an output gate and rotary positions on a quarter of each head. Norms
 * multiply by one plus their weight, except those of delta nets.
 */
final class Qwen35 {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("sliding_window");

    private static final Sizes.Defaults ABSENT = new Sizes.Defaults(32_768, 4, 256, 16, 248_320);
    private static final String FULL = "full_attention";
    private static final String LINEAR = "linear_attention";

    private Qwen35() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, ABSENT);
        LlamaNames names = new LlamaNames(sizes);
        Activation activation = json.silu("hidden_act");
        return model(
                json,
                sizes,
                DeltaNetLayout::sideBySide,
                layer -> names.gatedMlp(LlamaNames.layer(layer), activation, false));
    }

    /**
     * Returns a model of these feed-forwards, by layer.
     *
     * @param net makes a delta net from its layout and the prefix of its names
     */
    static ModelSpec model(
            ConfigJson json,
            Sizes sizes,
            BiFunction<DeltaNetLayout, String, GatedDeltaNet> net,
            IntFunction<FeedForward> feedForward) {
        LlamaNames names = new LlamaNames(sizes);
        Wiring wiring = Wirings.of(json, sizes.layers());
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        IntFunction<Mixer> mixers = mixers(json, names, epsilon, net, LlamaNames::layer);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(names.layer(
                    wiring,
                    norm(layer + "input_layernorm", sizes.hidden(), epsilon),
                    mixers.apply(i),
                    norm(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    feedForward.apply(i)));
        }
        return names.model(json, layers, wiring, norm("model.norm", sizes.hidden(), epsilon));
    }

    /**
     * Returns delta nets and attention, by layer.
     *
     * @param layerName prefix of a layer's names
     */
    static IntFunction<Mixer> mixers(
            ConfigJson json,
            LlamaNames names,
            double epsilon,
            BiFunction<DeltaNetLayout, String, GatedDeltaNet> net,
            IntFunction<String> layerName) {
        Sizes sizes = names.sizes();
        if (!json.flag("attn_output_gate", true)) {
            throw json.unsupported("attn_output_gate", "only true is supported; choose another model");
        }
        Rope rope = Ropes.partial(json, sizes, 0.25);
        boolean bias = json.flag("attention_bias", false);
        DeltaNetLayout deltaNets = DeltaNetLayout.of(json, sizes.hidden(), epsilon);
        List<Boolean> full = full(json, sizes.layers());
        return number -> {
            String layer = layerName.apply(number);
            return full.get(number)
                    ? attention(names, layer, bias, rope, epsilon)
                    : net.apply(deltaNets, layer + "linear_attn.");
        };
    }

    /** Returns whether each layer attends to all positions. */
    private static List<Boolean> full(ConfigJson json, int layers) {
        int interval = json.size("full_attention_interval", 4);
        List<String> types = json.textPerLayer("layer_types", layers)
                .orElseGet(() -> IntStream.rangeClosed(1, layers)
                        .mapToObj(layer -> layer % interval == 0 ? FULL : LINEAR)
                        .toList());
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

    /** Returns an attention whose {@code q_proj} has the query and the gate of every head side by side. */
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
}
