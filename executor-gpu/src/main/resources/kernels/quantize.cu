// Rows in 8 bits: scale = max|x| / 448, code = e4m3(x * (448 / max|x|)), nearest even; a row of zeros has the scale 0.
// Grid: (rows, tracks); a row stays in registers between its two passes. Bytes per row: x read, a byte an element written.
// Compile-time: COLS, a multiple of 8; THREADS.
#define VECTOR 8
#include "fp8.cuh"
#include "rows.cuh"

constexpr int VECTORS = COLS / VECTOR;
constexpr int PER_THREAD = (VECTORS + THREADS - 1) / THREADS;

extern "C" __global__ void __launch_bounds__(THREADS) quantize_rows(
        unsigned char* codes, float* scales, int capacity_rows, const bf16* x, long long x_track_stride) {
    __shared__ float partial[32];
    const bf16* from = x + blockIdx.y * x_track_stride + (long long)blockIdx.x * COLS;
    const long long row_at = (long long)blockIdx.y * capacity_rows + blockIdx.x;
    Vector row[PER_THREAD];
    float most = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        row[k] = load(from, v);
        for (int i = 0; i < VECTOR; i++) most = fmaxf(most, fabsf(to_float(row[k].at[i])));
    }
    most = block_max(most, partial);
    float factor = fp8_factor(most);
    if (threadIdx.x == 0) scales[row_at] = fp8_scale(most);
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        float values[VECTOR];
        for (int i = 0; i < VECTOR; i++) values[i] = to_float(row[k].at[i]);
        reinterpret_cast<uint2*>(codes + row_at * COLS)[v] = to_e4m3(values, factor);
    }
}
