// What mixers put out, gated. A part is a head (norm_and_gate) or a group (gate_and_norm), PART columns wide:
//     norm_and_gate: x = x / sqrt(mean(x^2) + epsilon) * weight * silu(gate), one weight of PART columns for all parts
//     gate_and_norm: y = x * silu(gate), x = y / sqrt(mean(y^2) + epsilon) * weight, a weight for every column
//     gate: x = x * sigmoid(gate)
// Grid: (rows, blocks over a row's parts, tracks); gate (rows, blocks over the vectors of a row, tracks). LANES threads, a whole number of
// warps or all of a block, have a part, which stays in registers. fp32 arithmetic. Bytes: x read and written, gates read.
// Compile-time: VECTOR, PART, LANES (32, or as many as a block has threads).
#include "launch.cuh"
#include "recurrent.cuh"
#include "rows.cuh"

constexpr int VECTORS = PART / VECTOR;
constexpr int PER_LANE = (VECTORS + LANES - 1) / LANES;

struct Gated {
    bf16* x; // [t][rows][cols]
    long long x_track_stride;
    const bf16* gates; // [t][rows][gates_cols], from the first column of gates on
    long long gates_track_stride;
    const float* weight; // [t][PART], or [t][cols]
    float epsilon;
    int cols;
    int gates_cols;
};

template <bool GATE_FIRST> __device__ __forceinline__ void part(const Gated& g) {
    __shared__ float partial[32];
    const int index = blockIdx.y * (blockDim.x / LANES) + threadIdx.x / LANES, lane = threadIdx.x % LANES;
    if (index >= g.cols / PART) return; // whole warps; where a part takes a block, none
    const int track = blockIdx.z, first = index * PART;
    bf16* x = g.x + track * g.x_track_stride + (long long)blockIdx.x * g.cols + first;
    const bf16* gates = g.gates + track * g.gates_track_stride + (long long)blockIdx.x * g.gates_cols + first;
    const float* weight = g.weight + (GATE_FIRST ? (long long)track * g.cols + first : (long long)track * PART);
    float row[PER_LANE][VECTOR];
    float squares = 0;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
        const int v = k * LANES + lane;
        if (v >= VECTORS) break;
        const Vector loaded = load(x, v);
        Vector by;
        if (GATE_FIRST) by = load(gates, v);
#pragma unroll
        for (int e = 0; e < VECTOR; e++) {
            row[k][e] = to_float(loaded.at[e]) * (GATE_FIRST ? silu(to_float(by.at[e])) : 1.0f);
            squares += row[k][e] * row[k][e];
        }
    }
    if (LANES == 32) {
        for (int l = 16; l > 0; l >>= 1) squares += __shfl_xor_sync(0xffffffffu, squares, l);
    } else {
        squares = block_sum(squares, partial);
    }
    const float scale = rsqrtf(squares / PART + g.epsilon);
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
        const int v = k * LANES + lane;
        if (v >= VECTORS) break;
        Vector out, by;
        if (!GATE_FIRST) by = load(gates, v);
#pragma unroll
        for (int e = 0; e < VECTOR; e++) {
            const float y = row[k][e] * scale * weight[v * VECTOR + e];
            out.at[e] = to_bf16(GATE_FIRST ? y : y * silu(to_float(by.at[e])));
        }
        store(x, v, out);
    }
}

extern "C" __global__ void norm_and_gate(const Gated g) {
    wait_for_kernels_before();
    part<false>(g);
}

extern "C" __global__ void gate_and_norm(const Gated g) {
    wait_for_kernels_before();
    part<true>(g);
}

extern "C" __global__ void gate(const Gated g) {
    wait_for_kernels_before();
    const int v = blockIdx.y * blockDim.x + threadIdx.x;
    if (v >= g.cols / VECTOR) return;
    bf16* x = g.x + blockIdx.z * g.x_track_stride + (long long)blockIdx.x * g.cols;
    const Vector by = load(g.gates + blockIdx.z * g.gates_track_stride + (long long)blockIdx.x * g.gates_cols, v);
    Vector out = load(x, v);
#pragma unroll
    for (int e = 0; e < VECTOR; e++) out.at[e] = to_bf16(to_float(out.at[e]) * sigmoid(to_float(by.at[e])));
    store(x, v, out);
}
