// Norms one row by one block, as defined in norm.cu; the row stays in registers between its two passes.
// Compile-time: VECTOR, COLS, THREADS, LAYER, QUANTIZE.
#pragma once
#include "quantize.cuh"

// As many weights as a vector has elements, loaded 16 bytes at a time.
struct __align__(VECTOR == 8 ? 16 : 4) Floats {
    float at[VECTOR];
};

struct Normed {
    bf16* out;
    long long out_track_stride;
    bf16* x;
    long long x_track_stride;
    const bf16* y;
    long long y_track_stride;
    const float* weight; // [tracks][COLS]
    const float* bias;
    float epsilon;
    int stride; // of rows, COLS or more
    int capacity_rows; // of codes and scales, in a track
    unsigned char* codes;
    float* scales;
};

// This thread's weights of track blockIdx.y.
struct Weights {
    Floats weights[PER_THREAD], biases[PER_THREAD];
};

__device__ __forceinline__ void load_weights(Weights& w, const Normed& n) {
    const float* weight = n.weight + blockIdx.y * COLS;
    const float* bias = n.bias + blockIdx.y * COLS;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        w.weights[k] = reinterpret_cast<const Floats*>(weight)[v];
        if (LAYER) w.biases[k] = reinterpret_cast<const Floats*>(bias)[v];
    }
}

// out = norm(x) of row r; ADD: x += y before, whose vector v is y_of(load_y(v)). Needs a barrier between uses.
template <bool ADD, typename Y, typename Load, typename Use>
__device__ __forceinline__ void norm_row(const Normed& n, const Weights& w, int r, const Load& load_y, const Use& y_of) {
    __shared__ float partial_sums[32], partial_squares[32];
    const long long at = (long long)r * n.stride;
    bf16* x = n.x + blockIdx.y * n.x_track_stride + at;
    bf16* out = n.out + blockIdx.y * n.out_track_stride + at;
    Vector row[PER_THREAD];
    Y ys[PER_THREAD];
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) { // all under way before one is used
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        row[k] = load(x, v);
        if (ADD) ys[k] = load_y(v);
    }
    float sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        if (ADD) {
            Vector y = y_of(ys[k]);
            for (int i = 0; i < VECTOR; i++) row[k].at[i] = to_bf16(to_float(row[k].at[i]) + to_float(y.at[i]));
            store(x, v, row[k]);
        }
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
    float most = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        for (int i = 0; i < VECTOR; i++) {
            float value = (to_float(row[k].at[i]) - mean) * scale * w.weights[k].at[i];
            row[k].at[i] = to_bf16(LAYER ? value + w.biases[k].at[i] : value);
            if (QUANTIZE) most = fmaxf(most, fabsf(to_float(row[k].at[i])));
        }
        store(out, v, row[k]);
    }
#if QUANTIZE
    write_codes(n.codes, n.scales, n.capacity_rows, r, row, most);
#endif
}
