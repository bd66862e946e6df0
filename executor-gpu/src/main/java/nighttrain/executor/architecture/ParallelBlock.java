package nighttrain.executor.architecture;

/**
 * The parallel block of GPT-J and PaLM (arXiv 2204.02311, section 2): {@code h += AR(Attn(n) + Mlp(n)), n = N1(h)}. One all-reduce per layer, waited
 * for.
 */
public record ParallelBlock() implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream h, StepCommunicator ranks) {
        for (int layer = 0; layer < blocks.layers(); layer++) {
            h.add(ranks.allReduce(blocks.sideBySide(layer, h)));
        }
        return h;
    }

    @Override
    public String label() {
        return "parallel_block";
    }
}
