package nighttrain.executor.model;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.architecture.Blocks;
import nighttrain.executor.architecture.Output;
import nighttrain.executor.architecture.ResidualStream;
import nighttrain.executor.architecture.StepCommunicator;
import nighttrain.executor.block.Block;
import nighttrain.executor.block.Buffers;
import nighttrain.executor.block.LayerBlock;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Tensor;

/**
 * A step's modules as architectures see them, whatever the layers are made of.
 *
 * @param normed what a module reads where a norm comes before it
 */
record LayerBlocks(
        Ops ops,
        List<LayerBlock.Loaded> all,
        Optional<Matrix> joining,
        Buffers buffers,
        Tensor normed,
        StepCommunicator ranks)
        implements Blocks {
    @Override
    public int layers() {
        return all.size();
    }

    @Override
    public Output mixer(int layer, ResidualStream h) {
        LayerBlock.Loaded it = all.get(layer);
        return new Output(run(it.mixer(), input(h, it.mixerNorm())), it.mixerFinish());
    }

    @Override
    public Output feedForward(int layer, ResidualStream h) {
        LayerBlock.Loaded it = all.get(layer);
        return new Output(run(it.feedForward(), input(h, it.feedForwardNorm())), it.feedForwardFinish());
    }

    @Override
    public Output sideBySide(int layer, ResidualStream h) {
        LayerBlock.Loaded it = all.get(layer);
        h.normInto(normed, it.mixerNorm().orElseThrow());
        Tensor both = run(it.mixer(), normed);
        it.feedForward().run(buffers, normed, normed); // which nobody reads any more when the output comes
        ops.add(both, normed);
        return new Output(both, it.mixerFinish());
    }

    @Override
    public Output join(ResidualStream h) {
        Tensor stream = h.settle();
        Tensor joined = ranks.output();
        ops.linear(joined, stream, joining.orElseThrow());
        return Output.plain(joined);
    }

    private Tensor input(ResidualStream h, Optional<Norm> norm) {
        if (norm.isEmpty()) {
            return h.settle();
        }
        h.normInto(normed, norm.get());
        return normed;
    }

    private Tensor run(Block.Module module, Tensor x) {
        Tensor out = ranks.output();
        module.run(buffers, x, out);
        return out;
    }
}
