package nighttrain.executor.architecture;

import nighttrain.executor.device.Tensor;

/**
 * This rank's attention and MLP, layer by layer. Each reads a stream and returns this rank's <em>partial</em> output: what it
 * means to add the parts up, and when, is the {@link Architecture}'s business.
 */
public interface Blocks {
    int layers();

    /** {@code Attn(N1(h))}, partial, {@code [localTracks, tokens, hidden]}; valid until the next call of this method. */
    Tensor attention(int layer, ResidualStream h);

    /** {@code Mlp(N2(h))}, partial, {@code [localTracks, tokens, hidden]}; valid until the next call of this method. */
    Tensor mlp(int layer, ResidualStream h);
}
