package nighttrain.io.spec;

import java.util.List;
import nighttrain.io.spec.Parameter.Linear;

/**
 * How layers and tracks are wired together. What each computes is the engine's business: there is one architecture for every wiring.
 */
public sealed interface Wiring {
    /** How the streams of all tracks become one. */
    enum Combine {
        MEAN,
        SUM
    }

    /** Independent tracks; 1 for a model without any. */
    int tracks();

    /** Whether every layer is there once a track, one track being possible. */
    boolean hasTracks();

    /** What it has learned beyond layers. */
    default List<Parameter> parameters() {
        return List.of();
    }

    /** Whether tracks are normed each before they become the stream that the head reads, which is normed no more. */
    default boolean normsTracks() {
        return false;
    }

    static Wiring dense() {
        return new Dense();
    }

    static Wiring parallelBlock() {
        return new ParallelBlock();
    }

    static Wiring ladder(int ladderLayers) {
        return new Ladder(ladderLayers);
    }

    static Wiring parallelTrack(int tracks, int blockDepth, Combine combine) {
        return new ParallelTrack(tracks, blockDepth, combine);
    }

    static Wiring kraken(int tracks, Linear join) {
        return new Kraken(tracks, join);
    }

    /** Layers of one model, which ranks share. */
    sealed interface Whole extends Wiring {
        @Override
        default int tracks() {
            return 1;
        }

        @Override
        default boolean hasTracks() {
            return false;
        }
    }

    /** Layers of tracks, which ranks have whole. */
    sealed interface OfTracks extends Wiring {
        @Override
        default boolean hasTracks() {
            return true;
        }
    }

    /** Attention, then MLP, each added to the residual stream. */
    record Dense() implements Whole {}

    /** Attention and MLP of a layer read the same norm and are added together (GPT-J, PaLM). */
    record ParallelBlock() implements Whole {}

    /**
     * Ladder residual (arXiv 2501.06589).
     *
     * @param ladderLayers the last layers that are ladder layers, those before being dense
     */
    record Ladder(int ladderLayers) implements Whole {}

    /**
     * Parallel Track (arXiv 2602.07306).
     *
     * @param blockDepth layers after which the streams of all tracks become one
     * @param combine how
     */
    record ParallelTrack(int tracks, int blockDepth, Combine combine) implements OfTracks {}

    /**
     * Kraken (arXiv 2408.07802): tracks that see the others' streams one layer late.
     *
     * @param join the linear layer over all tracks' streams, {@code [hidden, tracks * hidden]}, that ends the model
     */
    record Kraken(int tracks, Linear join) implements OfTracks {
        @Override
        public List<Parameter> parameters() {
            return List.of(join);
        }
    }

    /**
     * Desync residual (arXiv 2501.06589): a dense model cut into tracks that keep some modules' outputs to themselves.
     *
     * @param reduceEvery modules, attention and MLPs alike, after which an output is summed over tracks; the model's last always is
     */
    record Desync(int tracks, int reduceEvery) implements OfTracks {}

    /**
     * Delayed all-reduce (Laneformer): tracks that see the others' outputs some layers late.
     *
     * @param delay layers after which they do
     * @param sumsEarly whether the first {@code delay} layers wait for the sum of all tracks' outputs; else each track there adds its own
     *     times {@code sqrt(tracks)}
     * @param normsTracks whether the head reads the mean of the tracks' normed streams; else it reads the norm of their sum
     */
    record Delayed(int tracks, int delay, boolean sumsEarly, boolean normsTracks) implements OfTracks {}
}
