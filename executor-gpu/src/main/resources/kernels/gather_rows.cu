// out[i] = x[rows[i]]. Grid: output rows. Bytes: a row read and written each.
#include "launch.cuh"
#include "rows.cuh"

extern "C" __global__ void gather_rows(bf16* out, const bf16* x, const int* rows, int cols) {
    wait_for_kernels_before();
    const bf16* from = x + (long long)rows[blockIdx.x] * cols;
    bf16* to = out + (long long)blockIdx.x * cols;
    for (int v = threadIdx.x; v < cols / VECTOR; v += blockDim.x) store(to, v, load(from, v));
}
