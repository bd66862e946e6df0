package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp.Activation;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;

/** Parallel Track (arXiv 2602.07306): independent narrow Llamas; sizes are those of one track. */
final class ParallelTrack {
    private ParallelTrack() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(2048, 0, 0));
        LlamaNames names = new LlamaNames(sizes);
        Wirings.refuseBesideTracks(json, sizes.layers());
        Wiring wiring = wiring(json, sizes.layers());
        Activation activation = json.silu("hidden_act");
        Optional<Rope> rope = Optional.of(Ropes.whole(json, sizes));
        boolean bias = json.flag("attention_bias", false);
        boolean mlpBias = json.flag("mlp_bias", false);
        double epsilon = json.positive("rms_norm_eps", 1e-6);
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = "model.tracks." + TensorSpec.TRACK + ".layers." + i + ".";
            layers.add(LayerSpec.preNorm(
                    Norm.rms(layer + "input_layernorm", sizes.hidden(), epsilon),
                    names.attention(layer, bias, bias, Optional.empty(), rope, 0),
                    Norm.rms(layer + "post_attention_layernorm", sizes.hidden(), epsilon),
                    names.gatedMlp(layer, activation, mlpBias)));
        }
        return names.model(json, layers, wiring, Norm.rms("model.norm", sizes.hidden(), epsilon));
    }

    private static Wiring wiring(ConfigJson json, int layers) {
        int count = json.requiredSize("num_tracks");
        int depth = json.requiredSize("track_block_depth");
        if (layers % depth != 0) {
            throw UserError.of(
                    "bad track_block_depth in " + json.file(),
                    depth,
                    "must divide num_hidden_layers, " + layers + ", so that the tracks meet after the last layer;"
                            + " correct it");
        }
        return switch (json.text("track_combine", "mean")) {
            case "mean" -> Wiring.parallelTrack(count, depth, Wiring.Combine.MEAN);
            case "sum" -> Wiring.parallelTrack(count, depth, Wiring.Combine.SUM);
            default -> throw json.bad("track_combine", "mean or sum");
        };
    }
}
