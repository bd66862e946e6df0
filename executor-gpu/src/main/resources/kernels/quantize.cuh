// A row in 8 bits by one block: scale = max|x| / 448, code = e4m3(x * (448 / max|x|)), nearest even; a row of zeros has the scale 0.
// Thread i has vectors i, i + THREADS and so on of the row in registers. Compile-time: VECTOR (8, where rows are written so), COLS, THREADS.
#pragma once
#include "fp8.cuh"
#include "rows.cuh"

constexpr int VECTORS = COLS / VECTOR;
constexpr int PER_THREAD = (VECTORS + THREADS - 1) / THREADS;

// Writes row r of track blockIdx.y, which has room for capacity_rows rows. most: this thread's largest |x|. Needs a barrier between uses.
__device__ __forceinline__ void write_codes(
        unsigned char* codes, float* scales, int capacity_rows, int r, const Vector (&row)[PER_THREAD], float most) {
    __shared__ float partial[32];
    const long long row_at = (long long)blockIdx.y * capacity_rows + r;
    most = block_max(most, partial);
    if (threadIdx.x == 0) scales[row_at] = fp8_scale(most);
    float factor = fp8_factor(most);
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        float values[VECTOR];
        for (int i = 0; i < VECTOR; i++) values[i] = to_float(row[k].at[i]);
        reinterpret_cast<uint2*>(codes + row_at * COLS)[v] = to_e4m3(values, factor);
    }
}
