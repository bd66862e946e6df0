// out[t][i] = table[tokens[i]]; x[t][i] += table[positions[i]].
// The kernel starts after all kernels ahead of it have ended, so that later kernels can rely on the results of earlier steps and on this
// step's inputs.
// Grid: (tokens, tracks). Bytes: a row read and written (positions: two rows read) per token and track.
#include "rows.cuh"

extern "C" __global__ void embed(bf16* out, long long track_stride, const bf16* table, const int* tokens, int cols) {
    const bf16* from = table + (long long)tokens[blockIdx.x] * cols;
    bf16* to = out + blockIdx.y * track_stride + (long long)blockIdx.x * cols;
    for (int v = threadIdx.x; v < cols / VECTOR; v += blockDim.x) store(to, v, load(from, v));
}

extern "C" __global__ void add_positions(
        bf16* x, long long track_stride, const bf16* table, const int* positions, int cols) {
    const bf16* from = table + (long long)positions[blockIdx.x] * cols;
    bf16* to = x + blockIdx.y * track_stride + (long long)blockIdx.x * cols;
    for (int v = threadIdx.x; v < cols / VECTOR; v += blockDim.x) {
        Vector a = load(to, v), b = load(from, v);
        for (int i = 0; i < VECTOR; i++) a.at[i] = to_bf16(to_float(a.at[i]) + to_float(b.at[i]));
        store(to, v, a);
    }
}
