package nighttrain.executor.architecture;

import nighttrain.executor.architecture.Blocks.Output;

/**
 * Desync residual (arXiv 2501.06589): every {@code reduceEvery}-th module ends in {@code r_i = AR(f_i + r_i / n)}, the others in {@code r_i += f_i}.
 * A model's last module always sums, so that there are {@code ceil(2 L / reduceEvery)} all-reduces, each waited for.
 */
public record DesyncResidual(int tracks, int reduceEvery) implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream start, StepCommunicator ranks) {
        ResidualStream r = start;
        int modules = 2 * blocks.layers();
        for (int module = 1; module <= modules; module++) {
            int layer = (module - 1) / 2;
            Output f = module % 2 == 1 ? blocks.mixer(layer, r) : blocks.feedForward(layer, r);
            if (module % reduceEvery == 0 || module == modules) {
                r.add(ranks.local(f, tracks)); // AR(f_i + r_i / n) is the mean of n f_i + r_i
                r = r.at(ranks.allReduce(r.settle(), 1f / tracks));
            } else {
                r.add(ranks.local(f));
            }
        }
        return r;
    }

    @Override
    public String label() {
        return "desync_residual(" + tracks + " tracks, every " + reduceEvery + " modules)";
    }
}
