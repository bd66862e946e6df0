package nighttrain.executor.device.cuda.tensor;

import nighttrain.executor.device.Matrix;

/** bf16 weights {@code [tracks, outputs, inputs]} row-major and, where there is one, a bias {@code [tracks, outputs]} in both types; 0: none. */
public record CudaMatrix(int tracks, int outputs, int inputs, long address, long biasAddress, long biasFp32Address)
        implements Matrix {}
