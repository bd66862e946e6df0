package nighttrain.executor.model;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.architecture.Placement;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Kernels.HeadNorms;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Rotation;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Linear;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Rope;

/** Reads one rank's part of a checkpoint onto its device: which parameters a model has. */
final class WeightLoader {
    private final Device device;
    private final ModelSpec model;
    private final RankParameters parameters;
    private final Map<Optional<Rope>, Rotation> rotations = new HashMap<>();

    WeightLoader(Device device, Checkpoint checkpoint, Placement placement) {
        this.device = device;
        this.model = checkpoint.spec();
        this.parameters = new RankParameters(device, checkpoint, placement);
    }

    /** {@code vocabularySlice}: the rows of the head that this rank computes. */
    Weights load(VocabularySlice slice, int positions) {
        List<Weights.Layer> layers = new ArrayList<>();
        for (int layer = 0; layer < model.layers().size(); layer++) {
            layers.add(layer(" of layer " + layer, model.layers().get(layer), positions));
        }
        return new Weights(
                parameters.table("embedding", model.embedding().tokens(), model.vocabSize()),
                model.embedding().positions().map(table -> parameters.table("learned positions", table, positions)),
                List.copyOf(layers),
                model.wiring().join().map(join -> parameters.byTrack("join", join)),
                parameters.norm("final norm", model.finalNorm()),
                parameters.outputs("head", model.head().output(), slice.from(), slice.size()));
    }

    private Weights.Layer layer(String ofLayer, LayerSpec layer, int positions) {
        Attention attention = (Attention) layer.mixer();
        Mlp mlp = (Mlp) layer.feedForward();
        Norm attentionNorm = parameters.normPerTrack(
                "norm before the mixer" + ofLayer, layer.mixerNorm().orElseThrow());
        return new Weights.Layer(
                attentionNorm,
                parameters.byOutput(
                        "queries, keys and values" + ofLayer, attention.query(), attention.key(), attention.value()),
                attention
                        .headNorms()
                        .map(norms -> new HeadNorms(
                                parameters.normPerTrack("norm of queries" + ofLayer, norms.query()),
                                parameters.normPerTrack("norm of keys" + ofLayer, norms.key()))),
                rotations.computeIfAbsent(attention.rope(), rope -> RotaryFrequencies.tables(device, rope, positions)),
                parameters.byInput("attention's output" + ofLayer, attention.output()),
                layer.feedForwardNorm()
                        .map(norm -> parameters.normPerTrack("norm before the feed-forward" + ofLayer, norm))
                        .orElse(attentionNorm),
                parameters.byOutput(
                        "gate and up" + ofLayer,
                        mlp.gate().map(gate -> new Linear[] {gate, mlp.up()}).orElseGet(() -> new Linear[] {mlp.up()})),
                parameters.byInput("down" + ofLayer, mlp.down()));
    }
}
