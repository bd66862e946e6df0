// RMSNorm (arXiv 1910.07467): out = x / sqrt(mean(x^2) + epsilon) * weight; with a bias LayerNorm (arXiv 1607.06450):
// out = (x - mean) / sqrt(variance + epsilon) * weight + bias. add_norm first does x += y and writes x back, rounded.
// Grid: (rows, tracks). fp32 accumulation.
// Measured on one H200, 8,192 rows of 4,096 (add_norm_rows, a wait of about 40 us taken off): about 3.8 TB/s, 0.9 of the copy rate.
// Bytes per row: x read, out written; add_norm_rows: x and y read, x and out written.
// QUANTIZE also writes out in 8 bits, as quantize.cu does, for the linear layer that follows.
// Compile-time: VECTOR, COLS, THREADS, LAYER (0: RMSNorm, 1: LayerNorm), QUANTIZE (1: VECTOR is 8).
#include "launch.cuh"
#include "norm.cuh"

template <bool ADD>
__device__ __forceinline__ void norm_row_of_block(const Normed& n) {
    Weights w;
    load_weights(w, n);
    wait_for_kernels_before();
    const bf16* y = n.y + blockIdx.y * n.y_track_stride + (long long)blockIdx.x * n.stride;
    norm_row<ADD, Vector>(
        n, w, blockIdx.x, [&](int v) { return load(y, v); }, [](const Vector& loaded) { return loaded; });
}

extern "C" __global__ void __launch_bounds__(THREADS) norm_rows(const Normed n) {
    norm_row_of_block<false>(n);
}

extern "C" __global__ void __launch_bounds__(THREADS) add_norm_rows(const Normed n) {
    norm_row_of_block<true>(n);
}
