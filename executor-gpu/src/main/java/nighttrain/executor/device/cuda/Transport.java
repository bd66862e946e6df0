package nighttrain.executor.device.cuda;

import nighttrain.executor.device.Tensor;

/** How the parts of ranks reach one another. Every rank makes the same calls in the same order. */
interface Transport {
    /** Prepares {@code out[t] = scale * sum of in over all tracks of all ranks}; {@code out} is not {@code in}. */
    Streams.Launch sum(CudaTensor out, CudaTensor in, float scale);

    /** As {@link nighttrain.executor.device.Communicator#gatherRows}. */
    Tensor gatherRows(CudaTensor whole, CudaTensor part, Stream stream);
}
