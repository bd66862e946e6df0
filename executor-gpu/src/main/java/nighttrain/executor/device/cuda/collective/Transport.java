package nighttrain.executor.device.cuda.collective;

import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.Stream;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** How the parts of ranks reach one another. Every rank makes the same calls in the same order. */
public interface Transport {
    /** Prepares {@code out[t] = scale * sum of in over all tracks of all ranks}; {@code out} is not {@code in}. */
    Streams.Launch sum(CudaTensor out, CudaTensor in, float scale);

    /** As {@link nighttrain.executor.device.Communicator#gatherRows}. */
    Tensor gatherRows(CudaTensor whole, CudaTensor part, Stream stream);
}
