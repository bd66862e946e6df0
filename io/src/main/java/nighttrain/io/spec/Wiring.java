package nighttrain.io.spec;

import java.util.List;
import nighttrain.io.spec.Parameter.Linear;

/**
 * The wiring of layers and tracks: their data flow. There is one architecture for every wiring; an engine decides how to compute it.
 */
public sealed interface Wiring {
    /** How the streams of all tracks are combined into one. */
    enum Combine {
        MEAN,
        SUM
    }

    /** Number of independent tracks; 1 for a model without any. */
    int tracks();

    /** Whether every layer exists once per track; a model may have a single track. */
    boolean hasTracks();

    /** Returns the parameters beyond those of layers. */
    default List<Parameter> parameters() {
        return List.of();
    }

    /** Whether each track is normed before the tracks are combined into the stream that the head reads, which then has no further norm. */
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

    /** Layers of tracks; a rank holds whole tracks. */
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
     * @param ladderLayers number of last layers that are ladder layers; those before are dense
     */
    record Ladder(int ladderLayers) implements Whole {}

    /**
     * Parallel Track (arXiv 2602.07306).
     *
     * @param blockDepth number of layers after which the streams of all tracks are combined
     * @param combine how they are combined
     */
    record ParallelTrack(int tracks, int blockDepth, Combine combine) implements OfTracks {}

    /**
     * Kraken (arXiv 2408.07802): tracks receive the streams of the others one layer late.
     *
     * @param join linear layer over all tracks' streams, {@code [hidden, tracks * hidden]}, at the end of the model
     */
    record Kraken(int tracks, Linear join) implements OfTracks {
        @Override
        public List<Parameter> parameters() {
            return List.of(join);
        }
    }

    /**
     * Desync residual (arXiv 2501.06589): a dense model cut into tracks that do not share the outputs of some modules.
     *
     * @param reduceEvery number of modules, attention and MLPs alike, after which an output is summed over tracks; the model's last always is
     */
    record Desync(int tracks, int reduceEvery) implements OfTracks {}

    /**
     * Delayed all-reduce (Laneformer): tracks receive the outputs of the others some layers late.
     *
     * @param delay number of layers by which they arrive late
     * @param sumsEarly whether the first {@code delay} layers wait for the sum of all tracks' outputs; otherwise each track adds its own output times
     *     {@code sqrt(tracks)} there
     * @param normsTracks whether the head reads the mean of the tracks' normed streams; otherwise it reads the norm of their sum
     */
    record Delayed(int tracks, int delay, boolean sumsEarly, boolean normsTracks) implements OfTracks {}
}
