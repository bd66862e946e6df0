package nighttrain.executor.model;

import java.util.List;
import nighttrain.executor.architecture.Blocks;
import nighttrain.executor.architecture.ResidualStream;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.Tensor;
import nighttrain.io.checkpoint.BlockConfig.Mlp;

/** The blocks of every family: RMSNorm or LayerNorm, grouped-query attention, a gated or a plain MLP. */
record DecoderBlocks(
        Kernels kernels, Weights weights, KvCache cache, List<AttentionShape> shapes, Mlp mlp, Workspace workspace)
        implements Blocks {
    @Override
    public int layers() {
        return weights.layers().size();
    }

    @Override
    public Tensor attention(int layer, ResidualStream h) {
        h.normInto(workspace.normed(), weights.layers().get(layer).attentionNorm());
        return attention(layer);
    }

    @Override
    public Tensor mlp(int layer, ResidualStream h) {
        h.normInto(workspace.normed(), weights.layers().get(layer).mlpNorm());
        return mlp(layer);
    }

    @Override
    public Tensor attentionAndMlp(int layer, ResidualStream h) {
        h.normInto(workspace.normed(), weights.layers().get(layer).attentionNorm());
        Tensor attended = attention(layer);
        Tensor transformed = mlp(layer);
        Tensor both = layer % 2 == 0 ? attended : transformed; // in turn, since peers may still read the last one
        kernels.add(both, layer % 2 == 0 ? transformed : attended);
        return both;
    }

    @Override
    public Tensor join(ResidualStream h) {
        kernels.linear(workspace.mlpOutput(), h.settle(), weights.join().orElseThrow());
        return workspace.mlpOutput();
    }

    @Override
    public ResidualStream streamAt(Tensor start) {
        return new ResidualStream(kernels, start);
    }

    @Override
    public Tensor spareFor(ResidualStream h) {
        return h.isIn(workspace.stream()) ? workspace.spareStream() : workspace.stream();
    }

    private Tensor attention(int layer) {
        Weights.Layer w = weights.layers().get(layer);
        AttentionShape shape = shapes.get(layer);
        Tensor qkv = workspace.queryKeyValue();
        kernels.linear(qkv, workspace.normed(), w.queryKeyValue());
        kernels.rotateAndStore(qkv, cache.layers().get(layer), shape, weights.rotation(), w.headNorms());
        kernels.attention(workspace.mixed(), qkv, cache.layers().get(layer), shape);
        kernels.linear(workspace.attended(), workspace.mixed(), w.attentionOutput());
        return workspace.attended();
    }

    private Tensor mlp(int layer) {
        Weights.Layer w = weights.layers().get(layer);
        kernels.linear(workspace.up(), workspace.normed(), w.up());
        kernels.linear(workspace.mlpOutput(), activated(), w.down());
        return workspace.mlpOutput();
    }

    private Tensor activated() {
        if (mlp == Mlp.GATED_SILU) {
            kernels.siluMul(workspace.gated(), workspace.up());
            return workspace.gated();
        }
        kernels.gelu(workspace.up());
        return workspace.up();
    }
}
