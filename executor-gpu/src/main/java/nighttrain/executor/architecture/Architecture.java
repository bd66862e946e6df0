package nighttrain.executor.architecture;

import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Wiring;

/** Defines where a model's partial outputs are summed over ranks, and where the sums are added: one record per paper. */
public sealed interface Architecture
        permits DenseTensorParallel,
                ParallelBlock,
                LadderResidual,
                ParallelTrack,
                Kraken,
                DesyncResidual,
                DelayedAllReduce {
    /** Runs every layer and returns the stream that the head reads. Every rank makes the same calls of {@code ranks}, where they communicate. */
    ResidualStream decode(Blocks blocks, ResidualStream h, StepCommunicator ranks);

    /** Number of independent tracks, each whole on one rank; 0 if every layer is cut over all ranks instead. */
    default int tracks() {
        return 0;
    }

    /** Returns the part of the model that rank {@code rank} of {@code ranks} holds. */
    default Placement placement(int rank, int ranks) {
        int local = tracks() / ranks;
        return tracks() == 0 ? new Placement(0, 1, rank, ranks) : new Placement(rank * local, local, 0, 1);
    }

    /** The architecture's name and settings, for people. */
    String label();

    /** The architecture that a model was trained with. */
    static Architecture of(ModelSpec model) {
        Wiring wiring = model.wiring();
        if (wiring instanceof Wiring.ParallelBlock) {
            return new ParallelBlock();
        }
        if (wiring instanceof Wiring.Ladder ladder) {
            return new LadderResidual(ladder.ladderLayers());
        }
        if (wiring instanceof Wiring.ParallelTrack track) {
            return new ParallelTrack(track.tracks(), track.blockDepth(), track.combine());
        }
        if (wiring instanceof Wiring.Kraken kraken) {
            return new Kraken(kraken.tracks());
        }
        if (wiring instanceof Wiring.Desync desync) {
            return new DesyncResidual(desync.tracks(), desync.reduceEvery());
        }
        if (wiring instanceof Wiring.Delayed delayed) {
            return new DelayedAllReduce(delayed.tracks(), delayed.delay(), delayed.sumsEarly(), delayed.normsTracks());
        }
        return new DenseTensorParallel();
    }

    /**
     * The part of a model that one rank holds: whole tracks, or a shard of the only track.
     *
     * @param firstTrack the first track on this rank
     * @param localTracks tracks on this rank
     * @param shard which part of each track's heads and MLP this rank holds
     * @param shards how many ranks share a track
     */
    record Placement(int firstTrack, int localTracks, int shard, int shards) {
        /** Returns the first of {@code whole} heads, columns or rows that this rank holds. */
        public int from(int whole) {
            return whole < shards ? shard / (shards / whole) : whole / shards * shard;
        }

        /** Returns how many of {@code whole} this rank holds: one if there are more ranks than that, several of which then hold the same. */
        public int share(int whole) {
            return Math.max(1, whole / shards);
        }

        /** Returns how many ranks hold the same part of {@code whole}. */
        public int copies(int whole) {
            return Math.max(1, shards / whole);
        }
    }
}
