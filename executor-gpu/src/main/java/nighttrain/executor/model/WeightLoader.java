package nighttrain.executor.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.architecture.Placement;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Kernels.HeadNorms;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.model.RankTensors.Part;
import nighttrain.io.checkpoint.ArchitectureConfig;
import nighttrain.io.checkpoint.BlockConfig;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.ModelConfig;

/** Reads one rank's part of a checkpoint onto its device: which tensors a model has. */
final class WeightLoader {
    private final Device device;
    private final ModelConfig model;
    private final BlockConfig block;
    private final Placement placement;
    private final RankTensors tensors;

    WeightLoader(Device device, Checkpoint checkpoint, Placement placement) {
        this.device = device;
        this.model = checkpoint.config();
        this.block = model.block();
        this.placement = placement;
        this.tensors = new RankTensors(device, checkpoint, model, placement);
    }

    /** {@code vocabularySlice}: the rows of the head that this rank computes. */
    Weights load(VocabularySlice slice, int positions) {
        int hidden = model.hiddenSize();
        List<Weights.Layer> layers = new ArrayList<>();
        for (int layer = 0; layer < model.layers(); layer++) {
            layers.add(layer(layer));
        }
        return new Weights(
                tensors.table("embedding", "model.embed_tokens.weight", model.vocabSize(), model.vocabSize()),
                learnedPositions(positions),
                List.copyOf(layers),
                model.architecture() instanceof ArchitectureConfig.Kraken kraken
                        ? Optional.of(tensors.join(kraken.tracks()))
                        : Optional.empty(),
                new Norm(
                        device.constant("final norm", 1, 1, hidden, tensors.values("model.norm.weight", hidden)),
                        block.norm() == BlockConfig.Norm.LAYER
                                ? Optional.of(device.constant(
                                        "final norm's bias", 1, 1, hidden, tensors.values("model.norm.bias", hidden)))
                                : Optional.empty(),
                        (float) block.normEpsilon()),
                head(slice),
                RotaryFrequencies.tables(device, model, positions));
    }

    private Matrix head(VocabularySlice slice) {
        String name = model.tiedEmbeddings() ? "model.embed_tokens" : "lm_head";
        Slices rows = new Slices(List.of(
                tensors.rows(name + ".weight", model.vocabSize(), model.hiddenSize(), slice.from(), slice.size())));
        return block.headBias()
                ? device.matrix(
                        "head",
                        1,
                        slice.size(),
                        model.hiddenSize(),
                        rows,
                        tensors.values(name + ".bias", slice.from(), slice.size(), model.vocabSize()))
                : device.matrix("head", 1, slice.size(), model.hiddenSize(), rows);
    }

    private Optional<Tensor> learnedPositions(int positions) {
        if (!block.learnedPositions()) {
            return Optional.empty();
        }
        return Optional.of(
                tensors.table("learned positions", "model.embed_positions.weight", model.maxPositions(), positions));
    }

    private Weights.Layer layer(int layer) {
        int queries = placement.share(model.heads()) * model.headDim();
        int keys = placement.share(model.kvHeads()) * model.headDim();
        int intermediate = placement.share(model.intermediateSize());
        boolean gated = block.mlp() == BlockConfig.Mlp.GATED_SILU;
        Norm attentionNorm = norm(layer, "input_layernorm", model.hiddenSize());
        return new Weights.Layer(
                attentionNorm,
                tensors.byOutput(
                        layer,
                        block.qkvBias(),
                        new Part("self_attn.q_proj", queries),
                        new Part("self_attn.k_proj", keys),
                        new Part("self_attn.v_proj", keys)),
                headNorms(layer),
                tensors.byInput(layer, block.outputBias(), "self_attn.o_proj", queries),
                model.architecture() instanceof ArchitectureConfig.ParallelBlock
                        ? attentionNorm
                        : norm(layer, "post_attention_layernorm", model.hiddenSize()),
                gated
                        ? tensors.byOutput(
                                layer,
                                block.mlpBias(),
                                new Part("mlp.gate_proj", intermediate),
                                new Part("mlp.up_proj", intermediate))
                        : tensors.byOutput(layer, block.mlpBias(), new Part("mlp.up_proj", intermediate)),
                tensors.byInput(layer, block.mlpBias(), "mlp.down_proj", intermediate));
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
                        tensors.perTrack(layer, name + ".weight", size),
                        Optional.of(tensors.perTrack(layer, name + ".bias", size)),
                        (float) block.normEpsilon());
    }

    private Norm rmsNorm(int layer, String name, int size) {
        return new Norm(tensors.perTrack(layer, name + ".weight", size), Optional.empty(), (float) block.normEpsilon());
    }
}
