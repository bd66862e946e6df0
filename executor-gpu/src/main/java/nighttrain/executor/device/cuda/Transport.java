package nighttrain.executor.device.cuda;

import java.util.Optional;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Tensor;

/** How the parts of ranks reach one another. Every rank makes the same calls in the same order. */
interface Transport {
    /** Prepares {@code out[t] = scale * sum of in over all tracks of all ranks}; {@code out} is not {@code in}. */
    Streams.Launch sum(CudaTensor out, CudaTensor in, float scale);

    /** Prepares {@code x += sum of in over ranks; out = norm(x)}, where one kernel does it for sums of this size. */
    default Optional<Streams.Launch> addNorm(CudaTensor out, CudaTensor x, CudaTensor in, Norm norm) {
        return Optional.empty();
    }

    /** As {@link nighttrain.executor.device.Communicator#gatherRows}. */
    Tensor gatherRows(CudaTensor whole, CudaTensor part, Stream stream);
}
