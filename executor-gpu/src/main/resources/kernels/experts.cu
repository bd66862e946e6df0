// The operations around the matmuls of experts. r: rows of the tokens gathered by expert (routing.cuh).
//
//   gather    out[t][r] = x[t][i], of the token i whose row r is
//   activate  out[t][r] = f(gate) * up, or f(up), of x[t][r]: gate and up side by side, or up alone; CLAMPED (gpt-oss):
//             g * sigmoid(alpha * g) * (u + 1), g = min(gate, limit), u = min(max(up, -limit), limit)
//   combine   out[t][i] = [out[t][i]] + sum over c of weight[t][i][c] * x[t][row of i's choice c], in fp32, c from 0 on
//   gate      x[t][i] *= sigmoid(gate[t][i])
//
// Bytes: every operand once; gather reads a token once, whatever its number of choices. Grids: gather, combine (tokens, tracks); activate
// (blocks over the vectors of all rows, tracks); gate (rows, tracks). Compile-time: VECTOR, and for activate ACTIVATION (0 SiLU, 1 GELU, 2
// relu squared, 3 CLAMPED) and GATED.
#include "activations.cuh"
#include "routing.cuh"
#include "rows.cuh"

constexpr int MOST_CHOSEN = 32;
constexpr int TOGETHER = 8; // choices that are on their way from memory at once

extern "C" __global__ void gather(const Routing r, bf16* out, long long out_track_stride, const bf16* x, long long x_track_stride,
                                  int cols) {
    __shared__ int rows[MOST_CHOSEN];
    const int token = blockIdx.x, track = blockIdx.y, vectors = cols / VECTOR;
    const bf16* from = x + track * x_track_stride + (long long)token * cols;
    bf16* to = out + track * out_track_stride;
    Vector values;
    if (threadIdx.x < vectors) values = load(from, threadIdx.x); // while the rows are looked up
    if (threadIdx.x < r.chosen) rows[threadIdx.x] = row_of(r, track, token, threadIdx.x);
    __syncthreads();
    for (int v = threadIdx.x; v < vectors; v += blockDim.x) {
        if (v != threadIdx.x) values = load(from, v);
        for (int c = 0; c < r.chosen; c++) {
            if (rows[c] != NOBODY) store(to + (long long)rows[c] * cols, v, values);
        }
    }
}

__device__ __forceinline__ float activated(float x) {
#if ACTIVATION == 0
    return silu_of(x);
#elif ACTIVATION == 1
    return gelu_of(x);
#else
    return fmaxf(x, 0.0f) * fmaxf(x, 0.0f);
#endif
}

extern "C" __global__ void activate(const Routing r, bf16* out, long long out_track_stride, const bf16* x, long long x_track_stride,
                                    int cols, float alpha, float limit) {
    const int vectors = cols / VECTOR, at = blockIdx.x * blockDim.x + threadIdx.x, row = at / vectors, v = at % vectors;
    if (row >= gathered_rows(r, blockIdx.y)) return;
    const bf16* from = x + blockIdx.y * x_track_stride + (long long)row * cols * (GATED ? 2 : 1);
    Vector y = load(from, v);
    const Vector up = GATED ? load(from + cols, v) : y;
    for (int i = 0; i < VECTOR; i++) {
        const float a = to_float(y.at[i]), u = to_float(up.at[i]);
#if ACTIVATION == 3
        y.at[i] = to_bf16(silu_of(fminf(a, limit), alpha) * (fminf(fmaxf(u, -limit), limit) + 1.0f));
#else
        y.at[i] = to_bf16(GATED ? activated(a) * u : activated(a));
#endif
    }
    store(out + blockIdx.y * out_track_stride + (long long)row * cols, v, y);
}

extern "C" __global__ void combine(const Routing r, bf16* out, long long out_track_stride, const bf16* x, long long x_track_stride,
                                   int cols, int adds) {
    __shared__ int rows[MOST_CHOSEN];
    __shared__ float weights[MOST_CHOSEN];
    const int token = blockIdx.x, track = blockIdx.y;
    if (threadIdx.x < r.chosen) {
        rows[threadIdx.x] = row_of(r, track, token, threadIdx.x);
        weights[threadIdx.x] = r.weight[((long long)track * r.tokens + token) * r.chosen + threadIdx.x];
    }
    __syncthreads();
    bf16* to = out + track * out_track_stride + (long long)token * cols;
    for (int v = threadIdx.x; v < cols / VECTOR; v += blockDim.x) {
        float sum[VECTOR] = {};
        Vector y;
        if (adds) {
            y = load(to, v);
            for (int i = 0; i < VECTOR; i++) sum[i] = to_float(y.at[i]);
        }
        for (int first = 0; first < r.chosen; first += TOGETHER) {
            Vector parts[TOGETHER];
#pragma unroll
            for (int c = 0; c < TOGETHER; c++) {
                const int row = first + c < r.chosen ? rows[first + c] : NOBODY;
                if (row != NOBODY) parts[c] = load(x + track * x_track_stride + (long long)row * cols, v);
            }
#pragma unroll
            for (int c = 0; c < TOGETHER; c++) {
                if (first + c >= r.chosen || rows[first + c] == NOBODY) continue;
                for (int i = 0; i < VECTOR; i++) sum[i] = fmaf(weights[first + c], to_float(parts[c].at[i]), sum[i]);
            }
        }
        for (int i = 0; i < VECTOR; i++) y.at[i] = to_bf16(sum[i]);
        store(to, v, y);
    }
}

extern "C" __global__ void gate(bf16* x, long long x_track_stride, const bf16* gates, long long gates_track_stride, int cols) {
    bf16* row = x + blockIdx.y * x_track_stride + (long long)blockIdx.x * cols;
    const float factor = __fdividef(1.0f, 1.0f + __expf(-to_float(gates[blockIdx.y * gates_track_stride + blockIdx.x])));
    for (int v = threadIdx.x; v < cols / VECTOR; v += blockDim.x) {
        Vector y = load(row, v);
        for (int i = 0; i < VECTOR; i++) y.at[i] = to_bf16(factor * to_float(y.at[i]));
        store(row, v, y);
    }
}
