// A short causal convolution of each channel separately, and SiLU, in place in the first columns of x:
//     x[i] = silu(bias + sum over j < WIDTH of weights[j] x[i - WIDTH + 1 + j])
// within a sequence. The columns' inputs of its latest WIDTH - 1 tokens are its state.
// A thread computes VECTOR channels of a piece of PIECE tokens, token by token with the latest inputs in registers, so an input is read
// once. If a sequence is longer than a piece, its pieces would overwrite the inputs that the next ones begin with: convolution_edges copies
// these first.
// Grid: (blocks over the vectors of channels, pieces, tracks). Bytes: the columns read and written; the state read and written.
// Compile-time: VECTOR, WIDTH (1 or more), PIECE (tokens).
#include "launch.cuh"
#include "recurrent.cuh"
#include "rows.cuh"

constexpr int BEFORE = WIDTH - 1;
constexpr int AHEAD = 8; // tokens whose inputs are loaded together

struct Convolve {
    bf16* x; // [t][tokens][cols]
    long long x_track_stride;
    bf16* edges; // [t][piece][BEFORE][channels]: the inputs before each piece of sequences that have several
    States latest; // [BEFORE][channels]
    const int* query_starts;
    const int2* pieces; // of which sequence, which piece of it
    const float* weights; // [t][WIDTH][channels]
    const float* bias;    // [t][channels], or null
    int cols;
    int channels;
};

struct __align__(VECTOR % 4 == 0 ? 16 : 4) Floats {
    float at[VECTOR];
};

__device__ __forceinline__ Floats floats(const float* row, int vector) {
    return reinterpret_cast<const Floats*>(row)[vector];
}

__device__ __forceinline__ bool is_divided(const Convolve& c, int sequence) {
    return c.query_starts[sequence + 1] - c.query_starts[sequence] > PIECE;
}

__device__ __forceinline__ bf16* edge(const Convolve& c, int track, int i) {
    return c.edges + (((long long)track * gridDim.y + blockIdx.y) * BEFORE + i) * c.channels;
}

struct __align__(VECTOR == 8 ? 16 : sizeof(StateElement)) StateVector {
    StateElement at[VECTOR];
};

__device__ __forceinline__ Vector of_state(const Convolve& c, int track, int sequence, int i, int v) {
    Vector x;
    if (c.latest.begins(sequence)) return Vector();
    const StateElement* state = c.latest.of(track, sequence) + (long long)i * c.channels;
    const StateVector latest = reinterpret_cast<const StateVector*>(state)[v];
#pragma unroll
    for (int e = 0; e < VECTOR; e++) x.at[e] = to_bf16(from_state(latest.at[e]));
    return x;
}

extern "C" __global__ void convolution_edges(const Convolve c) {
    wait_for_kernels_before();
    const int v = blockIdx.x * blockDim.x + threadIdx.x, track = blockIdx.z;
    const int2 piece = c.pieces[blockIdx.y];
    if (v >= c.channels / VECTOR || !is_divided(c, piece.x)) return;
    const bf16* x = c.x + track * c.x_track_stride;
    for (int i = 0; i < BEFORE; i++) {
        const int token = piece.y * PIECE - BEFORE + i; // a piece is no shorter than BEFORE, but for a sequence's last
        Vector of = token < 0 ? of_state(c, track, piece.x, i, v)
                              : load(x + (long long)(c.query_starts[piece.x] + token) * c.cols, v);
        store(edge(c, track, i), v, of);
    }
}

extern "C" __global__ void convolve(const Convolve c) {
    wait_for_kernels_before();
    const int v = blockIdx.x * blockDim.x + threadIdx.x, track = blockIdx.z;
    if (v >= c.channels / VECTOR) return;
    const int2 piece = c.pieces[blockIdx.y];
    const int sequence = piece.x, end = c.query_starts[sequence + 1];
    const int first = c.query_starts[sequence] + piece.y * PIECE, last = min(first + PIECE, end);
    const bool divided = is_divided(c, sequence);
    Floats weights[WIDTH], window[WIDTH]; // the window's last is room for an input
#pragma unroll
    for (int j = 0; j < WIDTH; j++) weights[j] = floats(c.weights + ((long long)track * WIDTH + j) * c.channels, v);
    const Floats bias = c.bias ? floats(c.bias + (long long)track * c.channels, v) : Floats();
#pragma unroll
    for (int i = 0; i < BEFORE; i++) {
        Vector before = divided ? load(edge(c, track, i), v) : of_state(c, track, sequence, i, v);
#pragma unroll
        for (int e = 0; e < VECTOR; e++) window[i].at[e] = to_float(before.at[e]);
    }
    bf16* x = c.x + track * c.x_track_stride;
    for (int from = first; from < last; from += AHEAD) {
        Vector inputs[AHEAD];
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
            if (from + a < last) inputs[a] = load(x + (long long)(from + a) * c.cols, v);
        }
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
            if (from + a >= last) break;
            Vector out;
#pragma unroll
            for (int e = 0; e < VECTOR; e++) {
                window[BEFORE].at[e] = to_float(inputs[a].at[e]);
                float sum = bias.at[e];
#pragma unroll
                for (int j = 0; j < WIDTH; j++) sum += weights[j].at[e] * window[j].at[e];
                out.at[e] = to_bf16(silu(sum));
#pragma unroll
                for (int j = 0; j < BEFORE; j++) window[j].at[e] = window[j + 1].at[e];
            }
            store(x + (long long)(from + a) * c.cols, v, out);
        }
    }
    if (last < end) return;
    StateElement* state = c.latest.of(track, sequence);
#pragma unroll
    for (int i = 0; i < BEFORE; i++) {
        StateVector latest;
#pragma unroll
        for (int e = 0; e < VECTOR; e++) latest.at[e] = to_state(window[i].at[e]);
        reinterpret_cast<StateVector*>(state + (long long)i * c.channels)[v] = latest;
    }
}
