package nighttrain.executor.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nighttrain.executor.architecture.Placement;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Tensor;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.ModelConfig;

/**
 * One rank's parts of a checkpoint's tensors, put onto its device: how each kind of tensor is cut. Names of layers' tensors are Hugging
 * Face's for llama and its relatives, with {@code tracks.{i}.} before {@code layers} for models of tracks.
 */
record RankTensors(Device device, Checkpoint checkpoint, ModelConfig model, Placement placement) {
    /** The first {@code rows} rows of a table of {@code whole} rows, {@code hidden} wide. */
    Tensor table(String role, String name, int whole, int rows) {
        return device.table(
                role, rows, model.hiddenSize(), new Slices(List.of(rows(name, whole, model.hiddenSize(), 0, rows))));
    }

    /** A projection, of whose outputs this rank has {@code outputs}. */
    record Part(String name, int outputs) {}

    /** Projections side by side, each cut by output: a rank computes whole columns of its own. */
    Matrix byOutput(int layer, boolean hasBias, Part... parts) {
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
        return matrix(parts[0].name() + " of layer " + layer, new Slices(slices), hasBias, biases);
    }

    /** A projection cut by input: every rank computes a part of the sum, so the first alone adds the bias. */
    Matrix byInput(int layer, boolean hasBias, String projection, int inputs) {
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
        return matrix(projection + " of layer " + layer, new Slices(slices), hasBias, biases);
    }

    /** {@code Wc_i} of every local track: columns i*hidden on of {@code [hidden, tracks * hidden]}; the first adds the bias. */
    Matrix join(int allTracks) {
        int hidden = model.hiddenSize();
        int whole = allTracks * hidden;
        List<Slices.Slice> slices = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            int global = placement.firstTrack() + track;
            slices.add(new Slices.Slice(
                    checkpoint.tensor("model.join.weight", hidden, whole), 0, hidden, global * hidden, hidden, whole));
            biases.add(global == 0 ? values("model.join.bias", hidden) : new float[hidden]);
        }
        return matrix("join", new Slices(slices), true, biases);
    }

    private Matrix matrix(String role, Slices slices, boolean hasBias, List<float[]> biases) {
        int tracks = placement.localTracks();
        int outputs = slices.outputs() / tracks;
        Matrix.Rows rows = slices.perTrack(outputs);
        return hasBias
                ? device.matrix(role, tracks, outputs, slices.inputs(), rows, concatenated(biases))
                : device.matrix(role, tracks, outputs, slices.inputs(), rows);
    }

    Tensor perTrack(int layer, String suffix, int size) {
        List<float[]> tracks = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            tracks.add(values(name(track, layer, suffix), size));
        }
        return device.constant(suffix + " of layer " + layer, tracks.size(), 1, size, concatenated(tracks));
    }

    private String name(int localTrack, int layer, String suffix) {
        String track = model.hasTracks() ? "tracks." + (placement.firstTrack() + localTrack) + "." : "";
        return "model." + track + "layers." + layer + "." + suffix;
    }

    Slices.Slice rows(String name, int whole, int inputs, int from, int count) {
        return new Slices.Slice(checkpoint.tensor(name, whole, inputs), from, count, 0, inputs, inputs);
    }

    float[] values(String name, int... shape) {
        long[] expected = Arrays.stream(shape).asLongStream().toArray();
        int size = Arrays.stream(shape).reduce(1, Math::multiplyExact);
        float[] values = new float[size];
        checkpoint.tensor(name, expected).copyTo(0, values, 0, size);
        return values;
    }

    float[] values(String name, int from, int count, int whole) {
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
