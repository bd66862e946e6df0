// A norm of rows that stay in registers between their two passes; fp32 accumulation.
// Compile-time: VECTOR, COLS, THREADS, LAYER (0: RMSNorm, 1: LayerNorm).
#pragma once
#include "rows.cuh"

constexpr int VECTORS = COLS / VECTOR;
constexpr int PER_THREAD = (VECTORS + THREADS - 1) / THREADS;

// As many weights as a vector has elements, loaded 16 bytes at a time.
struct __align__(VECTOR == 8 ? 16 : 4) Floats {
    float at[VECTOR];
};

struct Normed {
    bf16* out;
    long long out_track_stride;
    bf16* x;
    long long x_track_stride;
    const float* weight; // [tracks][COLS]
    const float* bias;
    float epsilon;
};

// x += y, rounded.
__device__ __forceinline__ void add(Vector& x, const Vector& y) {
    for (int i = 0; i < VECTOR; i++) x.at[i] = to_bf16(to_float(x.at[i]) + to_float(y.at[i]));
}

// What is added to a row first: nothing, or what add(x, vector) of another type adds.
struct NoAddend {
    static constexpr bool ADDS = false;
    __device__ __forceinline__ void operator()(Vector&, int) const {}
};

// One row of one track by one block of THREADS, which needs a barrier before its next row.
template <typename Addend>
__device__ __forceinline__ void norm_row(const Normed& n, int row_number, int track, const Addend& addend) {
    __shared__ float partial_sums[32], partial_squares[32];
    bf16* x = n.x + track * n.x_track_stride + (long long)row_number * COLS;
    bf16* out = n.out + track * n.out_track_stride + (long long)row_number * COLS;
    const float* weight = n.weight + track * COLS;
    const float* bias = n.bias + track * COLS;
    Vector row[PER_THREAD];
    float sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        row[k] = load(x, v);
        addend(row[k], v);
    }
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) { // apart, so that no load waits for a store
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        if (Addend::ADDS) store(x, v, row[k]);
        for (int i = 0; i < VECTOR; i++) {
            float value = to_float(row[k].at[i]);
            sum += value;
            squares += value * value;
        }
    }
    float mean = LAYER ? block_sum(sum, partial_sums) / COLS : 0.0f;
    if (LAYER) { // a second pass over registers: the square of a large mean would drown the variance
        squares = 0;
#pragma unroll
        for (int k = 0; k < PER_THREAD; k++) {
            if (k * THREADS + threadIdx.x >= VECTORS) break;
            for (int i = 0; i < VECTOR; i++) {
                float value = to_float(row[k].at[i]) - mean;
                squares += value * value;
            }
        }
    }
    float scale = rsqrtf(block_sum(squares, partial_squares) / COLS + n.epsilon);
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        Floats w = reinterpret_cast<const Floats*>(weight)[v];
        Floats b = LAYER ? reinterpret_cast<const Floats*>(bias)[v] : w;
        for (int i = 0; i < VECTOR; i++) {
            float value = (to_float(row[k].at[i]) - mean) * scale * w.at[i];
            row[k].at[i] = to_bf16(LAYER ? value + b.at[i] : value);
        }
        store(out, v, row[k]);
    }
}
