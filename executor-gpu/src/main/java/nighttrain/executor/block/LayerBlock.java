package nighttrain.executor.block;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.architecture.Blocks.Output;
import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.GatedLinearAttention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;

/** A layer on one rank: the blocks of its mixer and its feed-forward, and the norms around them, which every rank has whole. */
public record LayerBlock(LayerSpec spec, Block mixer, Block feedForward, Placement placement) {
    static LayerBlock of(LayerSpec spec, Placement placement, ModelSpec model) {
        return new LayerBlock(
                spec, block(spec.mixer(), placement, model), block(spec.feedForward(), placement, model), placement);
    }

    private static Block block(Mixer mixer, Placement placement, ModelSpec model) {
        if (mixer instanceof GatedDeltaNet net) {
            return GatedDeltaNetBlock.of(net, placement, model);
        }
        if (mixer instanceof GatedLinearAttention linear) {
            return GatedLinearAttentionBlock.of(linear, placement, model);
        }
        return mixer instanceof Mamba2 mamba
                ? Mamba2Block.of(mamba, placement, model)
                : AttentionBlock.of((Attention) mixer, placement, model);
    }

    private static Block block(FeedForward feedForward, Placement placement, ModelSpec model) {
        return feedForward instanceof MixtureOfExperts mixture
                ? MoeBlock.of(mixture, placement, model)
                : MlpBlock.of((Mlp) feedForward, placement, model);
    }

    Stream<Block> blocks() {
        return Stream.of(mixer, feedForward);
    }

    /** Returns the operations of the mixer on the step {@code mixed} and of the feed-forward on the step {@code fed}. */
    List<Operation> operations(StepSize mixed, StepSize fed, int hidden) {
        List<Operation> operations = new ArrayList<>(mixer.operations(mixed));
        operations.add(added(mixed, hidden));
        operations.addAll(feedForward.operations(fed));
        operations.add(added(fed, hidden));
        return operations;
    }

    /** Returns the traffic of adding an output to the stream and norming the sum: two tensors read, two written. */
    private Operation added(StepSize step, int hidden) {
        return Operation.memory(placement.localTracks(), step.tokens() * 4.0 * hidden);
    }

    public Loaded load(Loader loader, int layer) {
        String ofLayer = " of layer " + layer;
        return new Loaded(
                spec.mixerNorm().map(norm -> loader.normPerTrack("norm before the mixer" + ofLayer, norm)),
                mixer.load(loader, layer),
                finish(loader, spec.mixerResidual(), "norm after the mixer" + ofLayer),
                spec.feedForwardNorm().map(norm -> loader.normPerTrack("norm before the feed-forward" + ofLayer, norm)),
                feedForward.load(loader, layer),
                finish(loader, spec.feedForwardResidual(), "norm after the feed-forward" + ofLayer));
    }

    private static Optional<Output.Finish> finish(Loader loader, Residual residual, String role) {
        if (residual.isPlain()) {
            return Optional.empty();
        }
        if (residual.norm().isEmpty()) {
            float multiplier = (float) residual.multiplier();
            return Optional.of((out, sum) -> loader.ops().scale(out, sum, multiplier));
        }
        Norm norm = loader.normPerTrack(role, residual.norm().get(), residual.multiplier());
        return Optional.of((out, sum) -> loader.ops().norm(out, sum, norm));
    }

    /** A layer whose parameters are on the device. */
    public record Loaded(
            Optional<Norm> mixerNorm,
            Block.Module mixer,
            Optional<Output.Finish> mixerFinish,
            Optional<Norm> feedForwardNorm,
            Block.Module feedForward,
            Optional<Output.Finish> feedForwardFinish) {}
}
