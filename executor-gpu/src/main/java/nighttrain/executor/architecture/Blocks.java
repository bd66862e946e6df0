package nighttrain.executor.architecture;

import java.util.Optional;
import nighttrain.executor.device.Tensor;

/**
 * This rank's modules, layer by layer. Each reads a stream and returns this rank's <em>partial</em> output: the {@link Architecture} decides how and
 * when the parts are summed.
 *
 * <p>After the last mixer every row is computed by itself. The last mixer may therefore {@linkplain StepCommunicator#narrow narrow} its output and
 * the stream to the rows that the head reads: the last row of a prompt.
 */
public interface Blocks {
    int layers();

    /** {@code Mixer(N1(h))}: attention. */
    Output mixer(int layer, ResidualStream h);

    /** {@code FeedForward(N2(h))}: the MLP. */
    Output feedForward(int layer, ResidualStream h);

    /** {@code Mixer(N1(h)) + FeedForward(N1(h))}: both after one norm. */
    Output sideBySide(int layer, ResidualStream h);

    /** Returns a track's part of the stream that the head reads, if that is more than a sum of streams ({@link Join}). */
    Output join(ResidualStream h);

    /**
     * Computes a track's part of the last sum of a model of tracks: {@code h_i Wc_i}, its part of a linear layer over all tracks' streams, with the
     * bias on the first (Kraken); or {@code N(h_i) / n}, its part of the mean of normed streams (Laneformer).
     */
    @FunctionalInterface
    interface Join {
        void into(Tensor out, ResidualStream h);
    }

    /**
     * This rank's partial output of a module, and the operation that its family applies to the sum over ranks before it is added to the residual
     * stream.
     *
     * @param part {@code [localTracks, tokens, hidden]}, a buffer of {@link StepCommunicator#output}
     * @param finish a norm after the module, a multiplier; none for most families
     */
    record Output(Tensor part, Optional<Finish> finish) {
        /** Writes the finished {@code sum} to {@code out}, another buffer. */
        @FunctionalInterface
        public interface Finish {
            void into(Tensor out, Tensor sum);
        }

        /** Returns an output whose sum is added as it is. */
        public static Output plain(Tensor part) {
            return new Output(part, Optional.empty());
        }
    }
}
