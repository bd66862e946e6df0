package nighttrain.executor.architecture;

import nighttrain.executor.device.Communicator.Pending;

/**
 * Ladder residual (arXiv 2501.06589) in the last {@code ladderLayers} layers; layers before are dense. Each module reads the stream without its
 * predecessor's output, whose all-reduce runs meanwhile. Two all-reduces per layer; in ladder layers both overlap.
 */
public record LadderResidual(int ladderLayers) implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream h, StepCommunicator ranks) {
        int dense = blocks.layers() - ladderLayers;
        Pending mixed = null;
        Pending fed = null;
        for (int layer = 0; layer < dense; layer++) {
            h.add(ranks.allReduce(blocks.mixer(layer, h)));
            if (layer < dense - 1 || ladderLayers == 0) {
                h.add(ranks.allReduce(blocks.feedForward(layer, h)));
            } else {
                fed = ranks.start(blocks.feedForward(layer, h));
            }
        }
        for (int layer = dense; layer < blocks.layers(); layer++) {
            mixed = land(mixed, h);
            mixed = ranks.start(blocks.mixer(layer, h));
            fed = land(fed, h);
            fed = ranks.start(blocks.feedForward(layer, h));
        }
        land(mixed, h);
        land(fed, h);
        return h;
    }

    /** {@code h += sum}, if a sum is under way. */
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
