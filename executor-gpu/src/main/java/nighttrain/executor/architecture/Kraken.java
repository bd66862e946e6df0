package nighttrain.executor.architecture;

import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Tensor;

/**
 * Kraken (arXiv 2408.07802): streams stay local; the all-reduce of all tracks' streams to their sum S overlaps attention, and S enters only the MLP's
 * norm, {@code y_i = h_i + Attn_i(h_i); h_i' = y_i + Mlp_i(y_i + S - h_i)}. At the end one linear layer joins all streams. L - 1 all-reduces overlap,
 * and one is waited for.
 */
public record Kraken(int tracks) implements Architecture {
    @Override
    public ResidualStream decode(Blocks blocks, ResidualStream h, StepCommunicator ranks) {
        h.add(ranks.local(blocks.mixer(0, h)));
        h.add(ranks.local(blocks.feedForward(0, h)));
        for (int layer = 1; layer < blocks.layers(); layer++) {
            Pending all = ranks.start(h.settle(), 1f);
            Tensor attended = ranks.local(blocks.mixer(layer, h));
            ResidualStream seenByMlp = h.at(all.await());
            seenByMlp.add(attended); // S + Attn_i(h_i) is y_i + S - h_i
            h.add(attended);
            h.settle(); // before attention's buffer is reused
            h.add(ranks.local(blocks.feedForward(layer, seenByMlp)));
        }
        return h.at(ranks.allReduce(blocks.join(h)).tensor());
    }

    @Override
    public String label() {
        return "kraken(" + tracks + " tracks)";
    }
}
