package nighttrain.executor.model;

import java.util.List;
import nighttrain.executor.architecture.Blocks;
import nighttrain.executor.architecture.ResidualStream;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.Mlp;

/** The blocks of every family: RMSNorm or LayerNorm, grouped-query attention, a gated or a plain MLP. */
record DecoderBlocks(
        Kernels kernels,
        Weights weights,
        KvCache cache,
        List<AttentionShape> shapes,
        List<Mlp> mlps,
        Workspace workspace)
        implements Blocks {
    @Override
    public int layers() {
        return weights.layers().size();
    }

    @Override
    public Tensor attention(int layer, ResidualStream h) {
        h.normInto(workspace.normed(), weights.layers().get(layer).attentionNorm());
        boolean inTurn = layer % 2 == 1 && workspace.attendedInTurn().rows() > 0;
        return attention(layer, inTurn ? workspace.attendedInTurn() : workspace.attended());
    }

    @Override
    public Tensor mlp(int layer, ResidualStream h) {
        h.normInto(workspace.normed(), weights.layers().get(layer).mlpNorm());
        return mlp(layer, workspace.mlpOutput());
    }

    @Override
    public Tensor attentionAndMlp(int layer, ResidualStream h) {
        h.normInto(workspace.normed(), weights.layers().get(layer).attentionNorm());
        // Peers may still read the last layer's, so this layer writes to the other, and not there.
        Tensor both = layer % 2 == 0 ? workspace.attended() : workspace.mlpOutput();
        attention(layer, both);
        Tensor transformed = workspace.normed(); // which nobody reads any more when the MLP's output comes
        mlp(layer, transformed);
        kernels.add(both, transformed);
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

    private Tensor attention(int layer, Tensor attended) {
        Weights.Layer w = weights.layers().get(layer);
        AttentionShape shape = shapes.get(layer);
        Tensor qkv = workspace.queryKeyValue();
        kernels.linear(qkv, workspace.normed(), w.queryKeyValue());
        kernels.rotateAndStore(qkv, cache.layers().get(layer), shape, w.rotation(), w.headNorms());
        kernels.attention(workspace.mixed(), qkv, cache.layers().get(layer), shape);
        kernels.linear(attended, workspace.mixed(), w.attentionOutput());
        return attended;
    }

    private Tensor mlp(int layer, Tensor transformed) {
        Weights.Layer w = weights.layers().get(layer);
        kernels.linear(transformed, activated(w.up(), mlps.get(layer)), w.down());
        return transformed;
    }

    private Tensor activated(Matrix up, Mlp mlp) {
        if (mlp.gate().isPresent()) {
            kernels.linearSiluMul(workspace.gated(), workspace.up(), workspace.normed(), up);
            return workspace.gated();
        }
        kernels.linear(workspace.up(), workspace.normed(), up);
        kernels.gelu(workspace.up());
        return workspace.up();
    }
}
