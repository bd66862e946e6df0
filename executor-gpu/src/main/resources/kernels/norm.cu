// RMSNorm (arXiv 1910.07467): out = x / sqrt(mean(x^2) + epsilon) * weight; with a bias LayerNorm (arXiv 1607.06450):
// out = (x - mean) / sqrt(variance + epsilon) * weight + bias. add_norm first does x += y and writes x back, rounded.
// Grid: (rows, tracks); a row stays in registers between its two passes. fp32 accumulation.
// Measured on one H200, 8,192 rows of 4,096 (add_norm_rows, a wait of about 40 us taken off): about 3.8 TB/s, 0.9 of the copy rate.
// Bytes per row: x read, out written; add_norm_rows: x and y read, x and out written.
// QUANTIZE writes out in 8 bits, too, as quantize.cu does, for the linear layer that comes next.
// Compile-time: VECTOR, COLS, THREADS, LAYER (0: RMSNorm, 1: LayerNorm), QUANTIZE (1: VECTOR is 8).
#include "fp8.cuh"
#include "launch.cuh"
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

template <bool ADD>
__device__ __forceinline__ void norm_row(const Normed& n) {
    __shared__ float partial_sums[32], partial_squares[32];
    const long long at = (long long)blockIdx.x * n.stride;
    bf16* x = n.x + blockIdx.y * n.x_track_stride + at;
    const bf16* y = n.y + blockIdx.y * n.y_track_stride + at;
    bf16* out = n.out + blockIdx.y * n.out_track_stride + at;
    const float* weight = n.weight + blockIdx.y * COLS;
    const float* bias = n.bias + blockIdx.y * COLS;
    Floats weights[PER_THREAD], biases[PER_THREAD];
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        weights[k] = reinterpret_cast<const Floats*>(weight)[v];
        if (LAYER) biases[k] = reinterpret_cast<const Floats*>(bias)[v];
    }
    wait_for_kernels_before();
    Vector row[PER_THREAD];
    float sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        row[k] = load(x, v);
        if (ADD) {
            Vector addend = load(y, v);
            for (int i = 0; i < VECTOR; i++) row[k].at[i] = to_bf16(to_float(row[k].at[i]) + to_float(addend.at[i]));
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
            float value = (to_float(row[k].at[i]) - mean) * scale * weights[k].at[i];
            row[k].at[i] = to_bf16(LAYER ? value + biases[k].at[i] : value);
            if (QUANTIZE) most = fmaxf(most, fabsf(to_float(row[k].at[i])));
        }
        store(out, v, row[k]);
    }
#if QUANTIZE
    __shared__ float partial_most[32];
    most = block_max(most, partial_most);
    const long long row_at = (long long)blockIdx.y * n.capacity_rows + blockIdx.x;
    if (threadIdx.x == 0) n.scales[row_at] = fp8_scale(most);
    float factor = fp8_factor(most);
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        float values[VECTOR];
        for (int i = 0; i < VECTOR; i++) values[i] = to_float(row[k].at[i]);
        reinterpret_cast<uint2*>(n.codes + row_at * COLS)[v] = to_e4m3(values, factor);
    }
#endif
}

extern "C" __global__ void __launch_bounds__(THREADS) norm_rows(const Normed n) {
    norm_row<false>(n);
}

extern "C" __global__ void __launch_bounds__(THREADS) add_norm_rows(const Normed n) {
    norm_row<true>(n);
}
