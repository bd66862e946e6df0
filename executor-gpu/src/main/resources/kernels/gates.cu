// Gates and norms the outputs of mixers. A part is a head (norm_and_gate) or a group (gate_and_norm), PART columns wide:
//     norm_and_gate: x = x / sqrt(mean(x^2) + epsilon) * weight * silu(gate), one weight of PART columns for all parts
//     gate_and_norm: y = x * silu(gate), x = y / sqrt(mean(y^2) + epsilon) * weight, a weight for every column
//     gate: x = x * sigmoid(gate)
// If ranks share a group, a row is one part: PART of the group's columns. Squares are summed over ranks between these two kernels:
//     gated_squares: sums[group] = sum of y^2 over these columns, 0 of every other group
//     gate_and_norm_by_squares: x = y / sqrt(sums[group] / columns of the group + epsilon) * weight
// Grid: (rows, blocks over a row's parts, tracks); gate (rows, blocks over the vectors of a row, tracks). LANES threads compute a part,
// which stays in registers: a whole number of warps, or all threads of a block. fp32 arithmetic. Bytes: x read and written (gated_squares:
// read), gates read.
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

// The squares of a group that ranks share, summed over the group's columns.
struct Squares {
    float* sums; // [t][rows][groups]
    long long sums_track_stride;
    int groups;
    int group;
    int group_cols; // on all ranks

    __device__ __forceinline__ float* of_row() const {
        return sums + blockIdx.z * sums_track_stride + (long long)blockIdx.x * groups;
    }
};

struct GatedBySquares {
    Gated gated;
    Squares squares;
};

// The part of LANES threads.
struct Part {
    bf16* x;
    const bf16* gates;
    const float* weight;
    int lane;
    bool exists;
};

template <bool GATE_FIRST> __device__ __forceinline__ Part part_of(const Gated& g) {
    const int index = blockIdx.y * (blockDim.x / LANES) + threadIdx.x / LANES;
    const int track = blockIdx.z, first = index * PART;
    Part p;
    p.x = g.x + track * g.x_track_stride + (long long)blockIdx.x * g.cols + first;
    p.gates = g.gates + track * g.gates_track_stride + (long long)blockIdx.x * g.gates_cols + first;
    p.weight = g.weight + (GATE_FIRST ? (long long)track * g.cols + first : (long long)track * PART);
    p.lane = threadIdx.x % LANES;
    p.exists = index < g.cols / PART; // of whole warps; where a part takes a block, of all
    return p;
}

// Reads this thread's columns, and gates them if GATE_FIRST.
template <bool GATE_FIRST> __device__ __forceinline__ void read_row(const Part& p, float (&row)[PER_LANE][VECTOR]) {
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
        const int v = k * LANES + p.lane;
        if (v >= VECTORS) break;
        const Vector loaded = load(p.x, v);
        Vector by;
        if (GATE_FIRST) by = load(p.gates, v);
#pragma unroll
        for (int e = 0; e < VECTOR; e++) {
            row[k][e] = to_float(loaded.at[e]) * (GATE_FIRST ? silu(to_float(by.at[e])) : 1.0f);
        }
    }
}

// The sum over the whole part; every thread gets it.
__device__ __forceinline__ float sum_of_squares(const Part& p, const float (&row)[PER_LANE][VECTOR]) {
    __shared__ float partial[32];
    float squares = 0;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
        if (k * LANES + p.lane >= VECTORS) break;
#pragma unroll
        for (int e = 0; e < VECTOR; e++) squares += row[k][e] * row[k][e];
    }
    if (LANES != 32) return block_sum(squares, partial);
    for (int l = 16; l > 0; l >>= 1) squares += __shfl_xor_sync(0xffffffffu, squares, l);
    return squares;
}

// Writes this thread's columns times scale and weight, and gates them unless GATE_FIRST.
template <bool GATE_FIRST>
__device__ __forceinline__ void write_row(const Part& p, const float (&row)[PER_LANE][VECTOR], float scale) {
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
        const int v = k * LANES + p.lane;
        if (v >= VECTORS) break;
        Vector out, by;
        if (!GATE_FIRST) by = load(p.gates, v);
#pragma unroll
        for (int e = 0; e < VECTOR; e++) {
            const float y = row[k][e] * scale * p.weight[v * VECTOR + e];
            out.at[e] = to_bf16(GATE_FIRST ? y : y * silu(to_float(by.at[e])));
        }
        store(p.x, v, out);
    }
}

template <bool GATE_FIRST> __device__ __forceinline__ void part(const Gated& g) {
    const Part p = part_of<GATE_FIRST>(g);
    if (!p.exists) return;
    float row[PER_LANE][VECTOR];
    read_row<GATE_FIRST>(p, row);
    write_row<GATE_FIRST>(p, row, rsqrtf(sum_of_squares(p, row) / PART + g.epsilon));
}

extern "C" __global__ void norm_and_gate(const Gated g) {
    wait_for_kernels_before();
    part<false>(g);
}

extern "C" __global__ void gate_and_norm(const Gated g) {
    wait_for_kernels_before();
    part<true>(g);
}

extern "C" __global__ void gated_squares(const GatedBySquares g) {
    wait_for_kernels_before();
    const Part p = part_of<true>(g.gated);
    if (!p.exists) return;
    float row[PER_LANE][VECTOR];
    read_row<true>(p, row);
    const float squares = sum_of_squares(p, row);
    float* sums = g.squares.of_row();
    for (int i = p.lane; i < g.squares.groups; i += LANES) sums[i] = i == g.squares.group ? squares : 0.0f;
}

extern "C" __global__ void gate_and_norm_by_squares(const GatedBySquares g) {
    wait_for_kernels_before();
    const Part p = part_of<true>(g.gated);
    if (!p.exists) return;
    float row[PER_LANE][VECTOR];
    read_row<true>(p, row);
    const float squares = g.squares.of_row()[g.squares.group];
    write_row<true>(p, row, rsqrtf(squares / g.squares.group_cols + g.gated.epsilon));
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
