package nighttrain.executor.model;

import java.util.List;
import nighttrain.executor.architecture.Blocks;
import nighttrain.executor.architecture.ResidualStream;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.Tensor;

/** The llama-like block: RMSNorm, grouped-query attention with RoPE and optional QK-norm, SwiGLU. */
record DecoderBlocks(
        Kernels kernels,
        Weights weights,
        KvCache cache,
        List<AttentionShape> shapes,
        float epsilon,
        Workspace workspace)
        implements Blocks {
    @Override
    public int layers() {
        return weights.layers().size();
    }

    @Override
    public Tensor attention(int layer, ResidualStream h) {
        Weights.Layer w = weights.layers().get(layer);
        AttentionShape shape = shapes.get(layer);
        Tensor qkv = workspace.queryKeyValue();
        h.normInto(workspace.normed(), w.attentionNorm(), epsilon);
        kernels.linear(qkv, workspace.normed(), w.queryKeyValue());
        kernels.rotateAndStore(qkv, cache.layers().get(layer), shape, weights.rotation(), w.headNorms());
        kernels.attention(workspace.mixed(), qkv, cache.layers().get(layer), shape);
        kernels.linear(workspace.attended(), workspace.mixed(), w.attentionOutput());
        return workspace.attended();
    }

    @Override
    public Tensor mlp(int layer, ResidualStream h) {
        Weights.Layer w = weights.layers().get(layer);
        h.normInto(workspace.normed(), w.mlpNorm(), epsilon);
        kernels.linear(workspace.gateUp(), workspace.normed(), w.gateUp());
        kernels.siluMul(workspace.gated(), workspace.gateUp());
        kernels.linear(workspace.mlpOutput(), workspace.gated(), w.down());
        return workspace.mlpOutput();
    }
}
