package nighttrain.executor.architecture;

import java.util.Locale;
import nighttrain.io.spec.Wiring.Combine;

/**
 * Parallel Track (arXiv 2602.07306): independent narrow transformers, {@code h_i += Attn_i(h_i); h_i += Mlp_i(h_i)}, whose streams are combined every
 * {@code blockDepth} layers. L / D all-reduces in total.
 */
public record ParallelTrack(int tracks, int blockDepth, Combine combine) implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream start, StepCommunicator ranks) {
        ResidualStream h = start;
        float scale = combine == Combine.MEAN ? 1f / tracks : 1f;
        for (int layer = 0; layer < blocks.layers(); layer++) {
            h.add(ranks.local(blocks.mixer(layer, h)));
            h.add(ranks.local(blocks.feedForward(layer, h)));
            if ((layer + 1) % blockDepth == 0) {
                h = h.at(ranks.allReduce(h.settle(), scale));
            }
        }
        return h;
    }

    @Override
    public String label() {
        return "parallel_track(" + tracks + " tracks, D=" + blockDepth + ", "
                + combine.name().toLowerCase(Locale.ROOT) + ")";
    }
}
