package nighttrain.executor.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.architecture.Placement;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Kernels.HeadNorms;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Tensor;
import nighttrain.io.checkpoint.ArchitectureConfig;
import nighttrain.io.checkpoint.BlockConfig;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.ModelConfig;

/**
 * Reads one rank's part of a checkpoint onto its device. Tensor names are Hugging Face's for llama and its relatives, with
 * {@code tracks.{i}.} before {@code layers} for models of tracks.
 */
final class WeightLoader {
    private final Device device;
    private final Checkpoint checkpoint;
    private final ModelConfig model;
    private final BlockConfig block;
    private final Placement placement;

    WeightLoader(Device device, Checkpoint checkpoint, Placement placement) {
        this.device = device;
        this.checkpoint = checkpoint;
        this.model = checkpoint.config();
        this.block = model.block();
        this.placement = placement;
    }

    /** {@code vocabularySlice}: the rows of the head that this rank computes. */
    Weights load(VocabularySlice slice, int positions) {
        int hidden = model.hiddenSize();
        List<Weights.Layer> layers = new ArrayList<>();
        for (int layer = 0; layer < model.layers(); layer++) {
            layers.add(layer(layer));
        }
        return new Weights(
                table("embedding", "model.embed_tokens.weight", model.vocabSize(), model.vocabSize()),
                learnedPositions(positions),
                List.copyOf(layers),
                join(),
                new Norm(
                        device.constant("final norm", 1, 1, hidden, values("model.norm.weight", hidden)),
                        block.norm() == BlockConfig.Norm.LAYER
                                ? Optional.of(device.constant(
                                        "final norm's bias", 1, 1, hidden, values("model.norm.bias", hidden)))
                                : Optional.empty(),
                        (float) block.normEpsilon()),
                head(slice),
                RotaryFrequencies.tables(device, model, positions));
    }

    private Matrix head(VocabularySlice slice) {
        String name = model.tiedEmbeddings() ? "model.embed_tokens" : "lm_head";
        Slices rows = new Slices(
                List.of(rows(name + ".weight", model.vocabSize(), model.hiddenSize(), slice.from(), slice.size())));
        return block.headBias()
                ? device.matrix(
                        "head",
                        1,
                        slice.size(),
                        model.hiddenSize(),
                        rows,
                        values(name + ".bias", slice.from(), slice.size(), model.vocabSize()))
                : device.matrix("head", 1, slice.size(), model.hiddenSize(), rows);
    }

    private Optional<Tensor> learnedPositions(int positions) {
        if (!block.learnedPositions()) {
            return Optional.empty();
        }
        return Optional.of(table("learned positions", "model.embed_positions.weight", model.maxPositions(), positions));
    }

    /** The first {@code rows} rows of a table of {@code whole} rows, {@code hidden} wide. */
    private Tensor table(String role, String name, int whole, int rows) {
        return device.table(
                role, rows, model.hiddenSize(), new Slices(List.of(rows(name, whole, model.hiddenSize(), 0, rows))));
    }

    /** {@code Wc_i} of every local track: columns i*hidden on of {@code [hidden, tracks * hidden]}; the first adds the bias. */
    private Optional<Matrix> join() {
        if (!(model.architecture() instanceof ArchitectureConfig.Kraken kraken)) {
            return Optional.empty();
        }
        int hidden = model.hiddenSize();
        int whole = kraken.tracks() * hidden;
        List<Slices.Slice> slices = new ArrayList<>();
        List<float[]> biases = new ArrayList<>();
        for (int track = 0; track < placement.localTracks(); track++) {
            int global = placement.firstTrack() + track;
            slices.add(new Slices.Slice(
                    checkpoint.tensor("model.join.weight", hidden, whole), 0, hidden, global * hidden, hidden, whole));
            biases.add(global == 0 ? values("model.join.bias", hidden) : new float[hidden]);
        }
        return Optional.of(matrix("join", new Slices(slices), true, biases));
    }

    private Weights.Layer layer(int layer) {
        int queries = placement.share(model.heads()) * model.headDim();
        int keys = placement.share(model.kvHeads()) * model.headDim();
        int intermediate = placement.share(model.intermediateSize());
        boolean gated = block.mlp() == BlockConfig.Mlp.GATED_SILU;
        Norm attentionNorm = norm(layer, "input_layernorm", model.hiddenSize());
        return new Weights.Layer(
                attentionNorm,
                byOutput(
                        layer,
                        block.qkvBias(),
                        new Part("self_attn.q_proj", queries),
                        new Part("self_attn.k_proj", keys),
                        new Part("self_attn.v_proj", keys)),
                headNorms(layer),
                byInput(layer, block.outputBias(), "self_attn.o_proj", queries),
                model.architecture() instanceof ArchitectureConfig.ParallelBlock
                        ? attentionNorm
                        : norm(layer, "post_attention_layernorm", model.hiddenSize()),
                gated
                        ? byOutput(
                                layer,
                                block.mlpBias(),
                                new Part("mlp.gate_proj", intermediate),
                                new Part("mlp.up_proj", intermediate))
                        : byOutput(layer, block.mlpBias(), new Part("mlp.up_proj", intermediate)),
                byInput(layer, block.mlpBias(), "mlp.down_proj", intermediate));
    }

    private Optional<HeadNorms> headNorms(int layer) {
        return block.qkNorm()
                ? Optional.of(new HeadNorms(
                        rmsNorm(layer, "self_attn.q_norm", model.headDim()),
                        rmsNorm(layer, "self_attn.k_norm", model.headDim())))
                : Optional.empty();
    }

    private Norm norm(int layer, String name, int size) {
        return block.norm() == BlockConfig.Norm.RMS
                ? rmsNorm(layer, name, size)
                : new Norm(
                        perTrack(layer, name + ".weight", size),
                        Optional.of(perTrack(layer, name + ".bias", size)),
                        (float) block.normEpsilon());
    }

    private Norm rmsNorm(int layer, String name, int size) {
        return new Norm(perTrack(layer, name + ".weight", size), Optional.empty(), (float) block.normEpsilon());
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
        return matrix(parts[0].name() + " of layer " + layer, new Slices(slices), hasBias, biases);
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
        return matrix(projection + " of layer " + layer, new Slices(slices), hasBias, biases);
    }

    private Matrix matrix(String role, Slices slices, boolean hasBias, List<float[]> biases) {
        int tracks = placement.localTracks();
        int outputs = slices.outputs() / tracks;
        Matrix.Rows rows = slices.perTrack(outputs);
        return hasBias
                ? device.matrix(role, tracks, outputs, slices.inputs(), rows, concatenated(biases))
                : device.matrix(role, tracks, outputs, slices.inputs(), rows);
    }

    private Tensor perTrack(int layer, String suffix, int size) {
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
