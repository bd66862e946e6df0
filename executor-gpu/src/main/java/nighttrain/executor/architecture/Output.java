package nighttrain.executor.architecture;

import java.util.Optional;
import nighttrain.executor.device.Tensor;

/**
 * This rank's partial output of a module, and what its family does to the sum over ranks before that is added to the residual stream.
 *
 * @param part {@code [localTracks, tokens, hidden]}, a buffer of {@link StepCommunicator#output}
 * @param finish a norm after the module, a multiplier; none for most families
 */
public record Output(Tensor part, Optional<Finish> finish) {
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
