// out[t][i] = x[t][rows[i]]. Grid: (output rows, tracks). Bytes: a row read and written per output row and track.
#include "launch.cuh"
#include "rows.cuh"

extern "C" __global__ void gather_rows(
        bf16* out, long long out_stride, const bf16* x, long long x_stride, const int* rows, int cols) {
    wait_for_kernels_before();
    const bf16* from = x + blockIdx.y * x_stride + (long long)rows[blockIdx.x] * cols;
    bf16* to = out + blockIdx.y * out_stride + (long long)blockIdx.x * cols;
    for (int v = threadIdx.x; v < cols / VECTOR; v += blockDim.x) store(to, v, load(from, v));
}
