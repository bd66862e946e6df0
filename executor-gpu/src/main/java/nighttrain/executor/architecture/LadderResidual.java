package nighttrain.executor.architecture;

import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Pending;

/**
 * Ladder residual (arXiv 2501.06589) in the last {@code ladderLayers} layers, dense before: each module reads the stream
 * without its predecessor's output, whose sum travels meanwhile. Two sums per layer; in ladder layers both overlap.
 */
public record LadderResidual(int ladderLayers) implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream h, Communicator ranks) {
        Pending attention = null;
        Pending mlp = null;
        for (int layer = 0; layer < blocks.layers(); layer++) {
            boolean ladder = layer >= blocks.layers() - ladderLayers;
            attention = land(attention, h);
            mlp = ladder ? mlp : land(mlp, h);
            attention = ranks.allReduce(blocks.attention(layer, h));
            mlp = land(mlp, h);
            attention = ladder ? attention : land(attention, h);
            mlp = ranks.allReduce(blocks.mlp(layer, h));
        }
        land(attention, h);
        land(mlp, h);
        return h;
    }

    /** {@code h += sum}, where one is under way. */
    private static Pending land(Pending sum, ResidualStream h) {
        if (sum != null) {
            h.add(sum.await());
        }
        return null;
    }

    @Override
    public String label() {
        return "ladder(last " + ladderLayers + " layers)";
    }
}
