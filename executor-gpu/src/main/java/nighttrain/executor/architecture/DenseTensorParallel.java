package nighttrain.executor.architecture;

/** Megatron's tensor parallelism (arXiv 1909.08053): {@code h += AR(Attn(h)); h += AR(Mlp(h))}. Two all-reduces per layer, both waited for. */
public record DenseTensorParallel() implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream h, StepCommunicator ranks) {
        for (int layer = 0; layer < blocks.layers(); layer++) {
            h.add(ranks.allReduce(blocks.mixer(layer, h)));
            h.add(ranks.allReduce(blocks.feedForward(layer, h)));
        }
        return h;
    }

    @Override
    public String label() {
        return "dense";
    }
}
