package nighttrain.executor.architecture;

import nighttrain.executor.device.Communicator;

/**
 * Megatron's tensor parallelism (arXiv 1909.08053): {@code h += AR(Attn(h)); h += AR(Mlp(h))}. Two sums per layer, both waited
 * for.
 */
public record DenseTensorParallel() implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream h, Communicator ranks) {
        for (int layer = 0; layer < blocks.layers(); layer++) {
            h.add(ranks.allReduce(blocks.attention(layer, h)).await());
            h.add(ranks.allReduce(blocks.mlp(layer, h)).await());
        }
        return h;
    }

    @Override
    public String label() {
        return "dense";
    }
}
