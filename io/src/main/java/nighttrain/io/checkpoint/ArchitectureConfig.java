package nighttrain.io.checkpoint;

/** How the parts of a model were wired together when it was trained, as {@code config.json} says: one record per paper. */
public sealed interface ArchitectureConfig {
    /** Tracks in all; 1 for a model without any. */
    default int trackCount() {
        return 1;
    }

    /** Attention, then MLP, each added to the residual stream. */
    record Dense() implements ArchitectureConfig {}

    /** Attention and MLP of a layer read the same norm and are added together (GPT-J, PaLM). */
    record ParallelBlock() implements ArchitectureConfig {}

    /** Ladder residual (arXiv 2501.06589) in the last {@code ladderLayers} layers, the others dense. */
    record Ladder(int ladderLayers) implements ArchitectureConfig {}

    /**
     * Parallel Track (arXiv 2602.07306): {@code tracks} independent narrow transformers whose streams are combined every
     * {@code blockDepth} layers.
     */
    record Tracks(int tracks, int blockDepth, Combine combine) implements ArchitectureConfig {
        /** How the streams of all tracks become one. */
        public enum Combine {
            MEAN,
            SUM
        }

        @Override
        public int trackCount() {
            return tracks;
        }
    }

    /** Kraken (arXiv 2408.07802): tracks that see the others' streams one layer late, joined by a linear layer at the end. */
    record Kraken(int tracks) implements ArchitectureConfig {
        @Override
        public int trackCount() {
            return tracks;
        }
    }
}
