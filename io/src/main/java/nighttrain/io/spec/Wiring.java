package nighttrain.io.spec;

import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.Parameter.Linear;

/**
 * How layers and tracks are wired together. What each kind computes is the engine's business: there is one architecture for every
 * kind.
 *
 * @param kind the paper it follows
 * @param ladderLayers of a ladder: the last layers that are ladder layers, those before being dense
 * @param tracks independent tracks; 1 for a model without any
 * @param blockDepth of parallel tracks: layers after which the streams of all tracks become one
 * @param combine of parallel tracks: how
 * @param join of Kraken: the linear layer over all tracks' streams, {@code [hidden, tracks * hidden]}, that ends the model
 */
public record Wiring(Kind kind, int ladderLayers, int tracks, int blockDepth, Combine combine, Optional<Linear> join) {
    /** One per paper. */
    public enum Kind {
        /** Attention, then MLP, each added to the residual stream. */
        DENSE,
        /** Attention and MLP of a layer read the same norm and are added together (GPT-J, PaLM). */
        PARALLEL_BLOCK,
        /** Ladder residual (arXiv 2501.06589). */
        LADDER,
        /** Parallel Track (arXiv 2602.07306). */
        PARALLEL_TRACK,
        /** Kraken (arXiv 2408.07802): tracks that see the others' streams one layer late. */
        KRAKEN
    }

    /** How the streams of all tracks become one. */
    public enum Combine {
        MEAN,
        SUM
    }

    public static Wiring dense() {
        return new Wiring(Kind.DENSE, 0, 1, 0, Combine.MEAN, Optional.empty());
    }

    public static Wiring parallelBlock() {
        return new Wiring(Kind.PARALLEL_BLOCK, 0, 1, 0, Combine.MEAN, Optional.empty());
    }

    public static Wiring ladder(int ladderLayers) {
        return new Wiring(Kind.LADDER, ladderLayers, 1, 0, Combine.MEAN, Optional.empty());
    }

    public static Wiring parallelTrack(int tracks, int blockDepth, Combine combine) {
        return new Wiring(Kind.PARALLEL_TRACK, 0, tracks, blockDepth, combine, Optional.empty());
    }

    public static Wiring kraken(int tracks, Linear join) {
        return new Wiring(Kind.KRAKEN, 0, tracks, 0, Combine.MEAN, Optional.of(join));
    }

    /** Whether every layer is there once a track, one track being possible. */
    public boolean hasTracks() {
        return kind == Kind.PARALLEL_TRACK || kind == Kind.KRAKEN;
    }

    public List<Parameter> parameters() {
        return join.<List<Parameter>>map(List::of).orElse(List.of());
    }
}
