package nighttrain.executor.architecture;

/**
 * This rank's modules, layer by layer. Each reads a stream and returns this rank's <em>partial</em> output: what it means to add the
 * parts up, and when, is the {@link Architecture}'s business.
 */
public interface Blocks {
    int layers();

    /** {@code Mixer(N1(h))}: attention. */
    Output mixer(int layer, ResidualStream h);

    /** {@code FeedForward(N2(h))}: the MLP. */
    Output feedForward(int layer, ResidualStream h);

    /** {@code Mixer(N1(h)) + FeedForward(N1(h))}: both behind one norm. */
    Output sideBySide(int layer, ResidualStream h);

    /** {@code h_i Wc_i}, Kraken's last step: the part of a linear layer over all tracks' streams, its bias on the first. */
    Output join(ResidualStream h);
}
