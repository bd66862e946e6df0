package nighttrain.executor.architecture;

import nighttrain.executor.device.Communicator;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.ModelConfig;

/** Where a model's partial outputs are summed over ranks, and where the sums are added: one record per paper. */
public sealed interface Architecture permits DenseTensorParallel, ParallelTrack {
    /** Runs every layer; returns the stream that the head reads. The same on every rank, which meet in {@code ranks}. */
    ResidualStream decode(Blocks blocks, ResidualStream h, Communicator ranks);

    /** What rank {@code rank} of {@code ranks} holds. */
    Placement placement(int rank, int ranks);

    /** Refuses a number of ranks that the model cannot be cut into. */
    void checkRanks(ModelConfig model, int ranks);

    /** The architecture's name and settings, for people. */
    String label();

    /** The architecture that a model was trained with. */
    static Architecture of(ModelConfig model) {
        return model.tracks()
                .<Architecture>map(tracks -> new ParallelTrack(tracks.count(), tracks.blockDepth(), tracks.combine()))
                .orElseGet(DenseTensorParallel::new);
    }

    /** Refuses {@code ranks} unless it divides {@code count}. */
    static void checkDivides(int ranks, int count, String what) {
        if (count % ranks != 0) {
            throw UserError.of(
                    "bad value of --ranks",
                    ranks,
                    "must divide the model's " + count + " " + what + "; choose a divisor or leave --ranks out");
        }
    }
}
