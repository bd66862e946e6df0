package nighttrain.executor.device.cuda;

import nighttrain.executor.device.Matrix;

/** bf16 weights {@code [tracks, outputs, inputs]} row-major and, where there is one, a bf16 bias {@code [tracks, outputs]}; 0: none. */
record CudaMatrix(int tracks, int outputs, int inputs, long address, long biasAddress) implements Matrix {}
