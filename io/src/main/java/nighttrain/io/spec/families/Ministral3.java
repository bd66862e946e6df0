package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.QueryScale;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import nighttrain.io.spec.Wiring;

/** Ministral 3: Mistral with YaRN and a query scale that grows with the position. */
final class Ministral3 {
    /** Keys that files of this family may have and transformers ignores. */
    static final Set<String> IGNORED = Set.of("attention_bias", "mlp_bias", "use_sliding_window");

    private static final double ABSENT_THETA = 1_000_000;
    private static final int ABSENT_ORIGINAL_POSITIONS = 16_384;
    private static final Scaling ABSENT_SCALING = new Scaling.Yarn(16, 32, 1, ABSENT_ORIGINAL_POSITIONS, true, 1);
    private static final QueryScale ABSENT_QUERY_SCALE = new QueryScale(0.1, ABSENT_ORIGINAL_POSITIONS);

    private Ministral3() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(262_144, 8, 128));
        LlamaNames names = new LlamaNames(sizes);
        Wiring wiring = Wirings.of(json, sizes.layers());
        Activation activation = json.silu("hidden_act");
        boolean saysRope = Ropes.areSaid(json);
        Optional<Rope> rope = Optional.of(
                saysRope ? Ropes.whole(json, sizes) : new Rope(sizes.headDim(), ABSENT_THETA, ABSENT_SCALING));
        Optional<QueryScale> queryScale = saysRope ? Ropes.queryScale(json, sizes) : Optional.of(ABSENT_QUERY_SCALE);
        double epsilon = json.positive("rms_norm_eps", 1e-5);
        int window = json.size("sliding_window", 0);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            Attention mistral = names.attention(layer, false, false, Optional.empty(), rope, window);
            layers.add(names.layer(
                    wiring,
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    queryScale.map(mistral::with).orElse(mistral),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    names.gatedMlp(layer, activation, false)));
        }
        return names.model(json, layers, wiring, Norm.rms("model.norm", sizes.hidden(), epsilon));
    }
}
