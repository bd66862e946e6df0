// A linear layer in 8 bits, of some rows and few outputs, with Hopper's wgmma (sm_90a): e4m3 numbers with a scale for every row of x and w
//     out[t, i, o] = x_scale[t, i] w_scale[t, o] (w[t, o] . x[t, i]) + bias[t, o]
// The output has fewer tiles than the GPU has multiprocessors, and the time of a tile grows with its inputs. So a cluster of SPLIT blocks
// computes a tile of 128 outputs and at most 128 rows of x, each block over a part of the inputs; then the blocks add up their sums, in one
// order, through each other's shared memory. The outputs are wgmma's rows, the rows of x its columns: as many columns are computed as there
// are rows, rounded up to 16.
// One thread makes the copy engine fetch 128 inputs at a time, and the first stages' weights before the kernel waits for the one that
// writes x. The two computing warpgroups take 64 outputs each.
#include "bf16.cuh"
#include "hopper.cuh"
#include "launch.cuh"

// SPLIT: blocks of a cluster, 2 to 4.
constexpr int OUTPUTS = 128;
constexpr int TOKENS = 128;
constexpr int DEPTH = 128; // inputs: a row of a swizzled array
constexpr int FAST_STEPS = 4096 / DEPTH; // tensor cores sum products of 8 bits in fewer bits than fp32, so longer sums are cut
constexpr int STAGES = 6;
constexpr int BOX = 32; // rows of x that are fetched at once
constexpr int BOX_BYTES = BOX * 128;
constexpr int WEIGHT_BYTES = OUTPUTS * 128;
constexpr int STAGE_BYTES = WEIGHT_BYTES + TOKENS * 128;
constexpr int PITCH = OUTPUTS + 4; // of a row's sums in shared memory: no two threads of a warp write to one bank
constexpr int COMPUTING_WARPS = 8;
constexpr int THREADS = 128 + 32 * COMPUTING_WARPS;
static_assert(TOKENS * PITCH * 4 <= STAGES * STAGE_BYTES, "sums lie where stages were");
// Dynamic shared memory, 1024 of it to start at a multiple of 1024 (the period of the swizzle): STAGES * STAGE_BYTES + 1024

struct Linear {
    bf16* out; // [tracks, rows, outputs]
    long long out_track_stride;
    const bf16* bias;      // [tracks, outputs], or null
    const float* x_scales; // [tracks, rows]
    long long x_scales_track_stride;
    const float* w_scales; // [tracks, outputs]
    int rows, outputs, depth;
};

// Each block fills its own stages.
struct Stages : FetchedStages<STAGES, STAGE_BYTES, COMPUTING_WARPS, 1> {
    __device__ __forceinline__ void fetch_weights(int n, const TensorMap& w, int track, int output, int k, int boxes) const {
        expect(n, WEIGHT_BYTES + boxes * BOX_BYTES);
        copy_tile(at(n), w, track, output, k, arrival(n));
    }
    __device__ __forceinline__ void fetch_rows(int n, const TensorMap& x, int track, int row, int k, int boxes) const {
        for (int i = 0; i < boxes; i++) {
            copy_tile(at(n) + WEIGHT_BYTES + i * BOX_BYTES, x, track, row + i * BOX, k, arrival(n));
        }
    }
    __device__ __forceinline__ unsigned a(int n, int warpgroup) const {
        return at(n) + warpgroup * 64 * 128;
    }
    __device__ __forceinline__ unsigned b(int n) const {
        return at(n) + WEIGHT_BYTES;
    }
};

// The scales and biases of four outputs.
struct Outputs {
    float factor[4], bias[4];

    __device__ __forceinline__ Outputs(const Linear& g, int track, int output) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const bool there = output + i < g.outputs;
            const long long at = (long long)track * g.outputs + output + i;
            factor[i] = there ? g.w_scales[at] : 0.0f;
            bias[i] = there && g.bias != nullptr ? to_float(g.bias[at]) : 0.0f;
        }
    }
    __device__ __forceinline__ float of(float sum, float scale, int i) const {
        return sum * (factor[i] * scale) + bias[i];
    }
};

constexpr int TOGETHER = 4; // rows of x whose sums a warp reads at once

// Stores every SPLIT-th row of x from the cluster's sums, four outputs per thread. sums: address of the sums of the tile's first row, these
// outputs.
__device__ __forceinline__ void store(bf16* out, int outputs, unsigned sums, const float* scales, const Outputs& y, int tokens,
                                      int rank, int warp) {
    for (int first = warp * SPLIT + rank; first < tokens; first += TOGETHER * COMPUTING_WARPS * SPLIT) {
        float4 parts[TOGETHER][SPLIT];
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            const int token = min(first + i * COMPUTING_WARPS * SPLIT, tokens - 1);
#pragma unroll
            for (int from = 0; from < SPLIT; from++) {
                parts[i][from] = load_shared_16_of(sums + token * PITCH * 4, from);
            }
        }
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) {
            const int token = first + i * COMPUTING_WARPS * SPLIT;
            if (token < tokens) {
                float4 sum = parts[i][0];
#pragma unroll
                for (int from = 1; from < SPLIT; from++) {
                    sum.x += parts[i][from].x;
                    sum.y += parts[i][from].y;
                    sum.z += parts[i][from].z;
                    sum.w += parts[i][from].w;
                }
                const float scale = scales[token];
                *(uint2*)(out + (long long)token * outputs) = make_uint2(
                    pack(y.of(sum.x, scale, 0), y.of(sum.y, scale, 1)), pack(y.of(sum.z, scale, 2), y.of(sum.w, scale, 3)));
            }
        }
    }
}

// Grid: (SPLIT * tiles, tracks); tiles of 128 outputs, and for each of them tiles of rows, of nearly equal numbers of rows; block: THREADS.
// outputs: a multiple of 8; depth: a multiple of 16, at least SPLIT * DEPTH.
extern "C" __global__ void __cluster_dims__(SPLIT, 1, 1) __launch_bounds__(THREADS, 1)
    linear_split(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap w, const __grid_constant__ Linear g) {
    extern __shared__ unsigned char shared[];
    __shared__ unsigned long long barriers[2][STAGES];
    __shared__ float scales[TOKENS];
    const unsigned start = (shared_address(shared) + 1023) / 1024 * 1024;
    const Stages stages = {{start, shared_address(barriers[0]), shared_address(barriers[1])}};
    if (threadIdx.x == 0) {
        prefetch_map(w);
        prefetch_map(x);
        stages.init();
    }
    __syncthreads();
    const int down = (g.rows + TOKENS - 1) / TOKENS, each = ((g.rows + down - 1) / down + 15) / 16 * 16;
    const int tile = blockIdx.x / SPLIT, rank = cluster_rank(), track = blockIdx.y;
    const int row = tile % down * each, tokens = max(0, min(each, g.rows - row)), output = tile / down * OUTPUTS;
    const int all = (g.depth + DEPTH - 1) / DEPTH, first = rank * all / SPLIT, steps = (rank + 1) * all / SPLIT - first;
    if (threadIdx.x < 128) {
        give_registers<40>();
        if (threadIdx.x == 0) {
            const int boxes = (tokens + BOX - 1) / BOX, early = min(STAGES, steps);
            for (int n = 0; n < early; n++) {
                stages.fetch_weights(n, w, track, output, (first + n) * DEPTH, boxes);
            }
            wait_for_kernels_before();
            for (int n = 0; n < steps; n++) {
                if (n >= early) {
                    stages.fetch_weights(n, w, track, output, (first + n) * DEPTH, boxes);
                }
                stages.fetch_rows(n, x, track, row, (first + n) * DEPTH, boxes);
            }
        } else {
            wait_for_kernels_before();
        }
        __syncwarp();
        cluster_sync();
    } else {
        take_registers<232>();
        wait_for_kernels_before();
        const int warp = threadIdx.x / 32 - 4, lane = threadIdx.x % 32;
        const int cols = (tokens + 15) / 16 * 16, own = output + lane * 4;
        if (threadIdx.x - 128 < tokens) {
            scales[threadIdx.x - 128] = g.x_scales[track * g.x_scales_track_stride + row + threadIdx.x - 128];
        }
        float sum[TOKENS / 2];
        wgmma_stages<TOKENS, true>(sum, stages, 0, min(FAST_STEPS, steps), cols, warp / 4);
        for (int n = FAST_STEPS; n < steps; n += FAST_STEPS) {
            float d[TOKENS / 2];
            wgmma_stages<TOKENS, true>(d, stages, n, min(FAST_STEPS, steps - n), cols, warp / 4);
#pragma unroll
            for (int i = 0; i < TOKENS / 2; i++) {
                sum[i] += d[i];
            }
        }
        const Outputs y(g, track, own);
        named_barrier_sync(1, 32 * COMPUTING_WARPS); // the last stages are read
#pragma unroll
        for (int i = 0; i < TOKENS / 2; i++) { // element (r, j, e), as hopper.cuh says
            const int token = i / 4 * 8 + lane % 4 * 2 + i % 2, at = warp * 16 + lane / 4 + i / 2 % 2 * 8;
            if (i / 4 * 8 < tokens) {
                store_shared(start + (token * PITCH + at) * 4, __float_as_uint(sum[i]));
            }
        }
        cluster_sync(); // the sums of all are there
        if (own < g.outputs) {
            store(g.out + track * g.out_track_stride + (long long)row * g.outputs + own, g.outputs, start + lane * 16, scales, y,
                  tokens, rank, warp);
        }
    }
    cluster_sync(); // none leaves while another reads its sums
}
