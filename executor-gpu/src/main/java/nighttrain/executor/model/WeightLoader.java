package nighttrain.executor.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.architecture.Placement;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Kernels.HeadNorms;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Tensor;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.ModelConfig;

/**
 * Reads one rank's part of a checkpoint onto its device. Tensor names are those of ARCHITECTURES: Hugging Face's for llama and
 * its relatives, with {@code tracks.{i}.} before {@code layers} for models of tracks.
 */
final class WeightLoader {
    private final Device device;
    private final Checkpoint checkpoint;
    private final ModelConfig model;
    private final Placement placement;

    WeightLoader(Device device, Checkpoint checkpoint, Placement placement) {
        this.device = device;
        this.checkpoint = checkpoint;
        this.model = checkpoint.config();
        this.placement = placement;
    }

    /** {@code vocabularySlice}: the rows of the head that this rank computes. */
    Weights load(VocabularySlice slice, int positions) {
        int hidden = model.hiddenSize();
        List<Weights.Layer> layers = new ArrayList<>();
        for (int layer = 0; layer < model.layers(); layer++) {
            layers.add(layer(layer));
        }
        String head = model.tiedEmbeddings() ? "model.embed_tokens.weight" : "lm_head.weight";
        return new Weights(
                device.tensor(
                        "embedding",
                        1,
                        model.vocabSize(),
                        hidden,
                        values("model.embed_tokens.weight", model.vocabSize(), hidden)),
                List.copyOf(layers),
                device.tensor("final norm", 1, 1, hidden, values("model.norm.weight", hidden)),
                device.matrix(
                        "head",
                        1,
                        slice.size(),
                        hidden,
                        new Slices(List.of(rows(head, model.vocabSize(), hidden, slice.from(), slice.size())))),
                RotaryFrequencies.tables(device, model, positions));
    }

    private Weights.Layer layer(int layer) {
        int hidden = model.hiddenSize();
        int queries = placement.share(model.heads()) * model.headDim();
        int keys = placement.share(model.kvHeads()) * model.headDim();
        int intermediate = placement.share(model.intermediateSize());
        return new Weights.Layer(
                perTrack(layer, "input_layernorm.weight", hidden),
                byOutput(
                        layer,
                        model.qkvBias(),
                        new Part("self_attn.q_proj", queries),
                        new Part("self_attn.k_proj", keys),
                        new Part("self_attn.v_proj", keys)),
                headNorms(layer),
                byInput(layer, model.outputBias(), "self_attn.o_proj", queries),
                perTrack(layer, "post_attention_layernorm.weight", hidden),
                byOutput(
                        layer,
                        model.mlpBias(),
                        new Part("mlp.gate_proj", intermediate),
                        new Part("mlp.up_proj", intermediate)),
                byInput(layer, model.mlpBias(), "mlp.down_proj", intermediate));
    }

    private Optional<HeadNorms> headNorms(int layer) {
        if (!model.qkNorm()) {
            return Optional.empty();
        }
        return Optional.of(new HeadNorms(
                perTrack(layer, "self_attn.q_norm.weight", model.headDim()),
                perTrack(layer, "self_attn.k_norm.weight", model.headDim()),
                (float) model.normEpsilon()));
    }

    /** A projection, of whose outputs this rank has {@code outputs}. */
    private record Part(String name, int outputs) {}

    /** Projections side by side, each cut by output: a rank computes whole columns of its own. */
    private Matrix byOutput(int layer, boolean hasBias, Part... parts) {
        List<Slices.Slice> slices = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            for (Part part : parts) {
                String name = name(track, layer, part.name());
                int whole = part.outputs() * placement.shards();
                int from = placement.from(whole);
                slices.add(rows(name + ".weight", whole, model.hiddenSize(), from, part.outputs()));
                if (hasBias) {
                    biases.add(values(name + ".bias", from, part.outputs(), whole));
                }
            }
        }
        return matrix(layer, parts[0].name(), new Slices(slices), hasBias, biases);
    }

    /** A projection cut by input: every rank computes a part of the sum, so the first alone adds the bias. */
    private Matrix byInput(int layer, boolean hasBias, String projection, int inputs) {
        int hidden = model.hiddenSize();
        int whole = inputs * placement.shards();
        List<Slices.Slice> slices = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            String name = name(track, layer, projection);
            slices.add(new Slices.Slice(
                    checkpoint.tensor(name + ".weight", hidden, whole),
                    0,
                    hidden,
                    placement.from(whole),
                    inputs,
                    whole));
            if (hasBias) {
                biases.add(placement.shard() == 0 ? values(name + ".bias", hidden) : new float[hidden]);
            }
        }
        return matrix(layer, projection, new Slices(slices), hasBias, biases);
    }

    private Matrix matrix(int layer, String role, Slices slices, boolean hasBias, List<float[]> biases) {
        int tracks = placement.localTracks();
        int outputs = slices.outputs() / tracks;
        String named = role + " of layer " + layer;
        Matrix.Rows rows = (track, output, target) -> slices.read(0, track * outputs + output, target);
        return hasBias
                ? device.matrix(named, tracks, outputs, slices.inputs(), rows, concatenated(biases))
                : device.matrix(named, tracks, outputs, slices.inputs(), rows);
    }

    private Tensor perTrack(int layer, String suffix, int size) {
        List<float[]> tracks = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            tracks.add(values(name(track, layer, suffix), size));
        }
        return device.tensor(suffix + " of layer " + layer, tracks.size(), 1, size, concatenated(tracks));
    }

    private String name(int localTrack, int layer, String suffix) {
        String track = model.tracks().isPresent() ? "tracks." + (placement.firstTrack() + localTrack) + "." : "";
        return "model." + track + "layers." + layer + "." + suffix;
    }

    private Slices.Slice rows(String name, int whole, int inputs, int from, int count) {
        return new Slices.Slice(checkpoint.tensor(name, whole, inputs), from, count, 0, inputs, inputs);
    }

    private float[] values(String name, int... shape) {
        long[] expected = Arrays.stream(shape).asLongStream().toArray();
        int size = Arrays.stream(shape).reduce(1, Math::multiplyExact);
        float[] values = new float[size];
        checkpoint.tensor(name, expected).copyTo(0, values, 0, size);
        return values;
    }

    private float[] values(String name, int from, int count, int whole) {
        float[] values = new float[count];
        checkpoint.tensor(name, whole).copyTo(from, values, 0, count);
        return values;
    }

    private static float[] concatenated(List<float[]> parts) {
        float[] all = new float[parts.stream().mapToInt(p -> p.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }
}
