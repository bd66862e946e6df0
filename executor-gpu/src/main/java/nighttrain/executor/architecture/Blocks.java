package nighttrain.executor.architecture;

import nighttrain.executor.device.Tensor;

/**
 * This rank's attention and MLP, layer by layer. Each reads a stream and returns this rank's <em>partial</em> output,
 * {@code [localTracks, tokens, hidden]}: what it means to add the parts up, and when, is the {@link Architecture}'s business.
 * An output is valid until the same method is called again.
 */
public interface Blocks {
    int layers();

    /** {@code Attn(N1(h))}. */
    Tensor attention(int layer, ResidualStream h);

    /** {@code Mlp(N2(h))}. */
    Tensor mlp(int layer, ResidualStream h);

    /** {@code Attn(N1(h)) + Mlp(N1(h))}: attention and MLP side by side behind one norm. */
    Tensor attentionAndMlp(int layer, ResidualStream h);

    /** {@code h_i Wc_i}, Kraken's last step: the part of a linear layer over all tracks' streams, its bias on the first. */
    Tensor join(ResidualStream h);

    /** The stream that begins as {@code start} and goes on in its buffer. */
    ResidualStream streamAt(Tensor start);

    /** Where a sum over the tracks' streams may travel to: a buffer that {@code h} is not in, {@code [localTracks, tokens, hidden]}. */
    Tensor spareFor(ResidualStream h);
}
