package nighttrain.executor.architecture;

import java.util.Optional;
import nighttrain.executor.device.Tensor;

/**
 * This rank's modules, layer by layer. Each reads a stream and returns this rank's <em>partial</em> output: what it means to add the
 * parts up, and when, is the {@link Architecture}'s business.
 *
 * <p>Behind the last mixer every row is computed by itself, so that it may {@linkplain StepCommunicator#narrow leave} the output and its
 * stream with the rows that the head reads: of a prompt, the last.
 */
public interface Blocks {
    int layers();

    /** {@code Mixer(N1(h))}: attention. */
    Output mixer(int layer, ResidualStream h);

    /** {@code FeedForward(N2(h))}: the MLP. */
    Output feedForward(int layer, ResidualStream h);

    /** {@code Mixer(N1(h)) + FeedForward(N1(h))}: both behind one norm. */
    Output sideBySide(int layer, ResidualStream h);

    /** What a track's stream gives to the one that the head reads, where that is a sum of more than streams ({@link Join}). */
    Output join(ResidualStream h);

    /**
     * How a model of tracks ends: {@code h_i Wc_i}, a track's part of a linear layer over all tracks' streams, its bias on the first
     * (Kraken); or {@code N(h_i) / n}, its part of their mean (Laneformer).
     */
    @FunctionalInterface
    interface Join {
        void into(Tensor out, ResidualStream h);
    }

    /**
     * This rank's partial output of a module, and what its family does to the sum over ranks before that is added to the residual stream.
     *
     * @param part {@code [localTracks, tokens, hidden]}, a buffer of {@link StepCommunicator#output}
     * @param finish a norm after the module, a multiplier; none for most families
     */
    record Output(Tensor part, Optional<Finish> finish) {
        /** Writes what becomes of {@code sum} to {@code out}, another buffer. */
        @FunctionalInterface
        public interface Finish {
            void into(Tensor out, Tensor sum);
        }

        /** One that is added as it is. */
        public static Output plain(Tensor part) {
            return new Output(part, Optional.empty());
        }
    }
}
