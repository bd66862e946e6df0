package nighttrain.executor.architecture;

import nighttrain.executor.device.Communicator;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.ArchitectureConfig;
import nighttrain.io.checkpoint.ModelConfig;

/** Where a model's partial outputs are summed over ranks, and where the sums are added: one record per paper. */
public sealed interface Architecture permits DenseTensorParallel, ParallelBlock, LadderResidual, ParallelTrack, Kraken {
    /** Runs every layer; returns the stream that the head reads. The same on every rank, which meet in {@code ranks}. */
    ResidualStream decode(Blocks blocks, ResidualStream h, Communicator ranks);

    /** Independent tracks, each whole on one rank; 0 where every layer is cut over all ranks instead. */
    default int tracks() {
        return 0;
    }

    /** What rank {@code rank} of {@code ranks} holds. */
    default Placement placement(int rank, int ranks) {
        int local = tracks() / ranks;
        return tracks() == 0 ? new Placement(0, 1, rank, ranks) : new Placement(rank * local, local, 0, 1);
    }

    /** Refuses a number of ranks that the model cannot be cut into. */
    default void checkRanks(ModelConfig model, int ranks) {
        if (tracks() > 0) {
            checkDivides(ranks, tracks(), "tracks");
        } else {
            checkDivides(ranks, model.heads(), "attention heads");
            checkDivides(ranks, model.kvHeads(), "key/value heads");
            checkDivides(ranks, model.intermediateSize(), "MLP columns");
        }
    }

    /** The architecture's name and settings, for people. */
    String label();

    /** The architecture that a model was trained with. */
    static Architecture of(ModelConfig model) {
        ArchitectureConfig config = model.architecture();
        if (config instanceof ArchitectureConfig.Tracks tracks) {
            return new ParallelTrack(tracks.tracks(), tracks.blockDepth(), tracks.combine());
        }
        if (config instanceof ArchitectureConfig.Kraken kraken) {
            return new Kraken(kraken.tracks());
        }
        if (config instanceof ArchitectureConfig.Ladder ladder) {
            return new LadderResidual(ladder.ladderLayers());
        }
        return config instanceof ArchitectureConfig.ParallelBlock ? new ParallelBlock() : new DenseTensorParallel();
    }

    /** Refuses {@code ranks} unless it divides {@code count}. */
    private static void checkDivides(int ranks, int count, String what) {
        if (count % ranks != 0) {
            throw UserError.of(
                    "bad value of --ranks",
                    ranks,
                    "must divide the model's " + count + " " + what + "; choose a divisor or leave --ranks out");
        }
    }
}
