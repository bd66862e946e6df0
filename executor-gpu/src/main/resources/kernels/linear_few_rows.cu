// out[t, i] = w[t] x[t, i] + bias[t] for at most 8 rows i, where the time is the time to read the weights.
// GATED (SwiGLU, arXiv 2002.05202): the first half of w's rows gives the gates g, the second the ups u, in float32, never in memory,
//     out[t, i] = g / (1 + exp(-g)) * u
// FP8: x and w are e4m3 numbers times a scale for every row of either.
// A block takes 16 rows of weights at a time, which are the rows of mma; x's rows are its columns. A lane reads 16 bytes of two rows of
// weights. Inputs may be summed in any order, so these bytes serve two mmas as they are, with x read in the same order. The warps share the
// inputs and add up their sums in shared memory. Weights are read DEPTH turns ahead, and the first before the kernel waits for the one that
// writes x. A row's sums do not depend on the other rows.
// Measured on one H200, one row, captured one after the other: 4,096 -> 6,144 13.0 us, 0.92 of the copy rate in reading the weights; 4,096
// ->
// 4,096 8.8, 0.90; 4,096 -> 2 x 14,336 with SwiGLU 54.9, 1.01; 14,336 -> 4,096 27.6, 1.01.
// Grid: as many blocks as run at once; block: WARPS * 32. INPUTS: a multiple of 16 bytes.
// Compile-time: INPUTS, GATED, FP8, FP32 (0 or 1: the type of out).
#include "activations.cuh"
#include "launch.cuh"
#include "mma.cuh"

constexpr int WARPS = 8;
constexpr int TOKENS = 8; // rows of x
constexpr int UNIT = GATED ? 8 : 16; // outputs of a block at a time
constexpr int ROW_BYTES = INPUTS * (FP8 ? 1 : 2);
constexpr int SLICE = 64; // bytes of every row that a warp reads at once
constexpr int SLICES = (ROW_BYTES + WARPS * SLICE - 1) / (WARPS * SLICE); // of a warp
constexpr int MOST_DEPTH = FP8 ? 8 : 4; // more in flight of bf16 only holds up the small kernels in between
constexpr int DEPTH = SLICES < MOST_DEPTH ? SLICES : MOST_DEPTH;
constexpr int TURNS = (SLICES + DEPTH - 1) / DEPTH;
constexpr bool WHOLE = ROW_BYTES == WARPS * TURNS * DEPTH * SLICE;
constexpr int SUM_ROW = 20; // floats; the last 4 keep tokens on different banks

#if FP32
typedef float Out;
#else
typedef bf16 Out;
#endif

struct FewRows {
    Out* out; // [tracks, rows, outputs]
    long long out_track_stride;
    const unsigned char* x; // [tracks, rows, INPUTS]
    long long x_track_bytes;
    const unsigned char* w; // [tracks, outputs, INPUTS], twice as many outputs where GATED
    const float* bias;      // [tracks, outputs], or null
    const float* x_scales;  // [tracks, rows], where FP8
    long long x_scales_track_stride;
    const float* w_scales; // as bias
    int tracks, rows, outputs;
};

// 16 bytes of weights, which no kernel writes and which are not read again.
__device__ __forceinline__ uint4 load_weights(const unsigned char* from) {
    uint4 x;
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w)
                 : "l"(from));
    return x;
}

__device__ __forceinline__ void multiply_add_32_bytes(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if FP8
    asm("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
    multiply_add(d, a, b0, b1);
#endif
}

extern "C" __global__ void __launch_bounds__(WARPS * 32, 2) linear_few_rows(const FewRows f) {
    __shared__ float sums[2][WARPS][TOKENS][SUM_ROW];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int begin = warp * TURNS * DEPTH * SLICE + lane % 4 * 16; // of this lane's bytes in a row
    const int units_of_track = (f.outputs + UNIT - 1) / UNIT, units = f.tracks * units_of_track;

    // The start of the lane's bytes in a unit's row; rows behind the last one use the last one.
    auto weights = [&](int unit, int half) {
        const int row = unit % units_of_track * UNIT + lane / 4 + (GATED ? 0 : half * 8);
        const int slab = unit / units_of_track * (GATED ? 2 : 1) + (GATED ? half : 0);
        return f.w + ((long long)slab * f.outputs + min(row, f.outputs - 1)) * ROW_BYTES + begin;
    };
    auto inside = [&](int slice) { return WHOLE || begin + slice * SLICE < ROW_BYTES; };

    uint4 w[DEPTH][2] = {};
    const unsigned char *low = weights(blockIdx.x, 0), *high = weights(blockIdx.x, 1);
#pragma unroll
    for (int i = 0; i < DEPTH; i++) {
        if (inside(i)) {
            w[i][0] = load_weights(low + i * SLICE);
            w[i][1] = load_weights(high + i * SLICE);
        }
    }
    wait_for_kernels_before();
    int parity = 0;
    for (int unit = blockIdx.x, next; unit < units; unit = next, parity ^= 1) {
        next = unit + gridDim.x;
        const int track = unit / units_of_track, first = unit % units_of_track * UNIT;
        const unsigned char* x = f.x + track * f.x_track_bytes + lane / 4 * ROW_BYTES + begin; // of row lane / 4
        const unsigned char *next_low = weights(min(next, units - 1), 0), *next_high = weights(min(next, units - 1), 1);
        float d[4] = {};
#pragma unroll 1
        for (int turn = 0; turn < TURNS; turn++) {
            const bool last = turn == TURNS - 1;
            const int ahead = last ? 0 : (turn + 1) * DEPTH;
            if (last) {
                low = next_low;
                high = next_high;
            }
#pragma unroll
            for (int i = 0; i < DEPTH; i++) {
                const unsigned a[2][4] = {{w[i][0].x, w[i][1].x, w[i][0].y, w[i][1].y},
                                          {w[i][0].z, w[i][1].z, w[i][0].w, w[i][1].w}};
                uint4 b = {};
                if (lane / 4 < f.rows && inside(turn * DEPTH + i)) {
                    b = *(const uint4*)(x + (turn * DEPTH + i) * SLICE);
                }
                multiply_add_32_bytes(d, a[0], b.x, b.y);
                multiply_add_32_bytes(d, a[1], b.z, b.w);
                if ((!last || next < units) && inside(ahead + i)) {
                    w[i][0] = load_weights(low + (ahead + i) * SLICE);
                    w[i][1] = load_weights(high + (ahead + i) * SLICE);
                }
            }
        }
#pragma unroll
        for (int i = 0; i < 4; i++) {
            sums[parity][warp][lane % 4 * 2 + i % 2][lane / 4 + i / 2 * 8] = d[i];
        }
        __syncthreads(); // once a unit, since the next one's sums go elsewhere
        const int token = threadIdx.x / UNIT, row = threadIdx.x % UNIT, output = first + row;
        if (token < f.rows && output < f.outputs) {
            auto value = [&](int half) {
                float sum = 0;
#pragma unroll
                for (int from = 0; from < WARPS; from++) {
                    sum += sums[parity][from][token][row + half * 8];
                }
                const long long at = ((long long)track * (GATED ? 2 : 1) + half) * f.outputs + output;
                const float factor = FP8 ? f.w_scales[at] * f.x_scales[track * f.x_scales_track_stride + token] : 1.0f;
                return sum * factor + (f.bias == nullptr ? 0.0f : f.bias[at]);
            };
            const float y = GATED ? silu_of(value(0)) * value(1) : value(0);
            Out* to = f.out + track * f.out_track_stride + (long long)token * f.outputs + output;
#if FP32
            *to = y;
#else
            *to = to_bf16(y);
#endif
        }
    }
}
