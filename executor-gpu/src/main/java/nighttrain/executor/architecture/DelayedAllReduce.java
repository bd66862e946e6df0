package nighttrain.executor.architecture;

import java.util.ArrayDeque;
import java.util.Queue;
import nighttrain.executor.architecture.Blocks.Output;
import nighttrain.executor.device.Communicator.Pending;

/**
 * Delayed all-reduce of Laneformer (kogai/laneformer-2b-it): {@code h_i += o_i + (AR(o_i[l-d]) - o_i[l-d])}, so that an all-reduce overlaps d layers.
 * The first d layers wait for their all-reduces, {@code h_i += AR(o_i)}, or have none, {@code h_i += sqrt(n) o_i}; the last d layers' outputs are
 * never summed. At the end the streams, or normed streams, of all tracks are summed once. 2 (L - d) all-reduces overlap; 1 or 2 d + 1 are waited for.
 */
public record DelayedAllReduce(int tracks, int delay, boolean sumsEarly, boolean normsTracks) implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream h, StepCommunicator ranks) {
        Queue<Pending> others = new ArrayDeque<>();
        int late = 2 * delay;
        int modules = 2 * blocks.layers();
        for (int module = 0; module < modules; module++) {
            Output o = module % 2 == 0 ? blocks.mixer(module / 2, h) : blocks.feedForward(module / 2, h);
            if (module < late && sumsEarly) {
                h.add(ranks.others(o));
            }
            if (module + late < modules) {
                others.add(ranks.startOthers(o));
            }
            if (module >= late) {
                h.add(others.remove().await());
            }
            h.settle(); // before its buffer is reused
            h.add(module < late && !sumsEarly ? ranks.local(o, (float) Math.sqrt(tracks)) : ranks.local(o));
        }
        return h.at(normsTracks ? ranks.allReduce(blocks.join(h)).tensor() : ranks.allReduce(h.settle(), 1f));
    }

    @Override
    public String label() {
        return "delayed_all_reduce(" + tracks + " tracks, d=" + delay + ")";
    }
}
