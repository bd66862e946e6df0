// The matrix products of a mixture of experts, with Hopper's wgmma (sm_90a):
//     out[t, i] = w[t, e] x[t, i] + bias[t, e]        for the rows i of expert e: offsets[t][e] <= i < offsets[t][e + 1]
// GATED: the first half of w's rows gives the gates g, the second the ups u, in float32, never in memory,
//     out[t, i] = g' / (1 + exp(-alpha g')) * (u' + shift)        g' = min(g, limit), u' = min(max(u, -limit), limit)
// FP8: x and w are e4m3 numbers times a scale for every row of either.
// Rows are gathered by expert. Only the device knows how many rows each expert has, so the launch has as many blocks as run at once, which
// find the tiles of all experts on the device and take them in turn. The outputs are wgmma's rows, the tokens its columns: an expert's
// tokens are cut evenly into tiles of at most TOKENS, which compute and store as many columns as have tokens, rounded up to 16. Few tokens
// thus cost little more than reading the weights once, and many fill whole tiles.
// One thread makes the copy engine fetch 128 bytes of the inputs at a time. The blocks of a cluster compute different outputs of the same
// tokens, and each fetches a part of these for all. The two computing warpgroups take 64 rows of weights each: 8 gates and 8 ups in turn,
// so that a thread has both.
#include "bf16.cuh"
#include "hopper.cuh"

// CLUSTER: blocks; TOKENS: a multiple of 64, 256 at most; GATED, FP8: 0 or 1; STAGE_COUNT: stages fetched ahead.
constexpr int STAGES = STAGE_COUNT;
constexpr int WEIGHT_ROWS = 128;
constexpr int OUTPUTS = GATED ? WEIGHT_ROWS / 2 : WEIGHT_ROWS; // of a tile
constexpr int DEPTH = FP8 ? 128 : 64; // 128 bytes: a row of a swizzled array
constexpr int BOX = TOKENS / 4; // tokens that are fetched at once
constexpr int BOX_BYTES = BOX * 128;
constexpr int WEIGHT_BYTES = WEIGHT_ROWS * 128;
constexpr int STAGE_BYTES = WEIGHT_BYTES + TOKENS * 128;
constexpr int CHUNKS = OUTPUTS / 2 / 8; // of 16 bytes, that a warpgroup computes for a token
constexpr int STORE_BYTES = TOKENS * CHUNKS * 16; // of a warpgroup
constexpr int STORE_BOX = 16; // tokens that are stored at once
constexpr int COMPUTING_WARPS = 8;
constexpr int THREADS = 128 + 32 * COMPUTING_WARPS;
constexpr int TILES_TOGETHER = 8; // of an expert's tokens, before the next outputs
// Dynamic shared memory, 1024 of it to start at a multiple of 1024 (the period of the swizzle):
//     STAGES * STAGE_BYTES + 2 * STORE_BYTES + 1024 + 4 * (tracks * (experts + 1) + tracks * experts + 1)

struct Grouped {
    bf16* out; // [tracks, rows, outputs]
    long long out_track_stride;
    const bf16* bias;      // [tracks * experts, outputs], twice as many where GATED, or null
    const int* offsets;    // [tracks, experts + 1]
    const float* x_scales; // [tracks, rows], where FP8
    long long x_scales_track_stride;
    const float* w_scales; // as bias
    int tracks, experts, outputs, depth;
    float alpha, limit, shift;

    __device__ __forceinline__ float activated(float gate, float up) const {
        const float g = fminf(gate, limit), u = fminf(fmaxf(up, -limit), limit);
        return __fdividef(g, 1.0f + __expf(-alpha * g)) * (u + shift);
    }
};

struct Tile {
    int group, track, row, tokens, output; // group: an expert of a track
};

constexpr int TILES_AHEAD = STAGES + 1; // a tile has a stage at least

// The tiles of all experts, from the offsets in shared memory; before[g]: the number of token tiles of the groups before g.
struct Tiles {
    const int* offsets;
    const int* before;
    int experts, groups, across;

    __device__ __forceinline__ int first_row(int group) const {
        return offsets[group + group / experts];
    }
    __device__ __forceinline__ int rows(int group) const {
        return offsets[group + group / experts + 1] - first_row(group);
    }
    __device__ __forceinline__ int count() const {
        return before[groups] * across;
    }
    __device__ __forceinline__ Tile at(int n, int rank) const {
        int group = 0;
        for (int end = groups; end - group > 1;) {
            const int middle = (group + end) / 2;
            (before[middle] * across <= n ? group : end) = middle;
        }
        const int high = before[group + 1] - before[group], in_group = n - before[group] * across;
        const int first = in_group / (TILES_TOGETHER * across) * TILES_TOGETHER, height = min(TILES_TOGETHER, high - first);
        const int in_part = in_group - first * across;
        const int each = ((rows(group) + high - 1) / high + 15) / 16 * 16, row = (first + in_part % height) * each;
        return {group, group / experts, first_row(group) + row, min(each, rows(group) - row),
                (in_part / height * CLUSTER + rank) * OUTPUTS};
    }
};

// Called by all threads.
__device__ __forceinline__ Tiles find_tiles(const Grouped& g, int* shared) {
    const int groups = g.tracks * g.experts;
    int* before = shared + groups + g.tracks;
    for (int i = threadIdx.x; i < groups + g.tracks; i += THREADS) {
        shared[i] = g.offsets[i];
    }
    __syncthreads();
    const Tiles tiles = {shared, before, g.experts, groups, (g.outputs + CLUSTER * OUTPUTS - 1) / (CLUSTER * OUTPUTS)};
    if (threadIdx.x < 32) {
        int sum = 0;
        for (int first = 0; first < groups; first += 32) {
            const int group = first + threadIdx.x;
            int upto = group < groups ? (tiles.rows(group) + TOKENS - 1) / TOKENS : 0;
            for (int lane = 1; lane < 32; lane *= 2) {
                const int lower = __shfl_up_sync(~0u, upto, lane);
                upto += threadIdx.x >= lane ? lower : 0;
            }
            if (group < groups) {
                before[group + 1] = sum + upto;
            }
            sum += __shfl_sync(~0u, upto, 31);
        }
        before[0] = 0;
    }
    __syncthreads();
    return tiles;
}

// Stages of weights and tokens; n counts over all tiles.
struct Stages : FetchedStages<STAGES, STAGE_BYTES, COMPUTING_WARPS, CLUSTER> {
    __device__ __forceinline__ void fill(int n, const TensorMap& x, const TensorMap& w, const Tile& tile, int k,
                                         int rank) const {
        const int boxes = (tile.tokens + BOX - 1) / BOX;
        expect(n, WEIGHT_BYTES + boxes * BOX_BYTES);
        if (GATED) {
            copy_groups(at(n), w, tile.group, tile.output / 8, k, arrival(n));
        } else {
            copy_tile(at(n), w, tile.group, tile.output, k, arrival(n));
        }
        for (int i = rank; i < boxes; i += CLUSTER) {
            const unsigned to = at(n) + WEIGHT_BYTES + i * BOX_BYTES;
            if (CLUSTER == 1) {
                copy_tile(to, x, tile.track, tile.row + i * BOX, k, arrival(n));
            } else {
                copy_tile_to_cluster(to, x, tile.track, tile.row + i * BOX, k, arrival(n), CLUSTER);
            }
        }
    }
    __device__ __forceinline__ unsigned a(int n, int warpgroup) const {
        return at(n) + warpgroup * 64 * 128;
    }
    __device__ __forceinline__ unsigned b(int n) const {
        return at(n) + WEIGHT_BYTES;
    }
};

// The place of a token's chunk in the warpgroup's staging area: rows of 128 or 64 bytes, in the copy engine's swizzle.
__device__ __forceinline__ unsigned staged(int token, int chunk) {
    return (token * CHUNKS + (chunk ^ (CHUNKS == 8 ? token : token / 2) % CHUNKS)) * 16;
}

// Stores through shared memory. The copy engine stores 16 tokens at once, except the last ones, which are next to another expert's. d:
// layout as in hopper.cuh. scales: buffer for the scales of the tile's tokens.
__device__ __forceinline__ void store(const Grouped& g, const TensorMap& to, const Tile& tile, const float (&d)[TOKENS / 2],
                                      unsigned staging, float* scales, int warpgroup) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
    const int first = tile.output + warpgroup * OUTPUTS / 2, there = g.outputs - first; // of the warpgroup's outputs
    const int low = warp * (GATED ? 8 : 16) + lane / 4, row[2] = {low, GATED ? g.outputs + low : low + 8};
    float bias[2] = {}, factor[2] = {};
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const long long at = (long long)tile.group * g.outputs * (GATED ? 2 : 1) + first + row[r];
        if ((GATED ? low : row[r]) < there) {
            bias[r] = g.bias == nullptr ? 0.0f : to_float(g.bias[at]);
            factor[r] = FP8 ? g.w_scales[at] : 0.0f;
        }
    }
    if (FP8) {
        const float* from = g.x_scales + tile.track * g.x_scales_track_stride + tile.row;
        for (int i = threadIdx.x % 128; i < tile.tokens; i += 128) {
            scales[i] = from[i];
        }
    }
    auto value = [&](int j, int r, int e) {
        const float sum = d[4 * j + 2 * r + e];
        return (FP8 ? sum * (factor[r] * scales[8 * j + lane % 4 * 2 + e]) : sum) + bias[r];
    };
    // What this thread has for 8 tokens, two of them: of one of its two rows, or of both where they are gate and up.
    auto pair = [&](int j, int r) {
        return GATED ? pack(g.activated(value(j, 0, 0), value(j, 1, 0)), g.activated(value(j, 0, 1), value(j, 1, 1)))
                     : pack(value(j, r, 0), value(j, r, 1));
    };
    wait_stores_read();
    named_barrier_sync(1 + warpgroup, 128); // the tile before has been stored
#pragma unroll
    for (int j = 0; j < TOKENS / 8; j += GATED ? 4 : 2) {
        if (j * 8 >= tile.tokens) {
            break;
        }
        if (GATED) {
            store_matrices_transposed(staging + staged(j * 8 + lane, warp), pair(j, 0), pair(j + 1, 0), pair(j + 2, 0),
                                      pair(j + 3, 0));
        } else {
            store_matrices_transposed(staging + staged(j * 8 + lane / 16 * 8 + lane % 8, warp * 2 + lane / 8 % 2), pair(j, 0),
                                      pair(j, 1), pair(j + 1, 0), pair(j + 1, 1));
        }
    }
    fence_async_proxy();
    named_barrier_sync(1 + warpgroup, 128);
    const int boxed = tile.tokens / STORE_BOX * STORE_BOX;
    if (threadIdx.x % 128 < boxed / STORE_BOX && there > 0) {
        const int token = threadIdx.x % 128 * STORE_BOX;
        store_tile(to, staging + token * CHUNKS * 16, tile.track, tile.row + token, first);
        commit_stores();
    }
    const int token = boxed + threadIdx.x % 128 / CHUNKS, chunk = threadIdx.x % CHUNKS;
    if (token < tile.tokens && chunk * 8 < there) {
        *(int4*)(g.out + tile.track * g.out_track_stride + (long long)(tile.row + token) * g.outputs + first + chunk * 8) =
            load_shared_16(staging + staged(token, chunk));
    }
}

// Grid: as many blocks as run at once, a multiple of CLUSTER; block: THREADS. outputs: a multiple of 8; depth: of 16 bytes.
extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
    grouped_linear(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap w,
                   const __grid_constant__ TensorMap out, const __grid_constant__ Grouped g) {
    extern __shared__ unsigned char shared[];
    __shared__ unsigned long long barriers[2][STAGES];
    __shared__ float scales[2][FP8 ? TOKENS : 1];
    __shared__ Tile tiles_ahead[TILES_AHEAD];
    const unsigned start = (shared_address(shared) + 1023) / 1024 * 1024;
    const unsigned staging = start + STAGES * STAGE_BYTES;
    const Stages stages = {{start, shared_address(barriers[0]), shared_address(barriers[1])}};
    if (threadIdx.x == 0) {
        prefetch_map(x);
        prefetch_map(w);
        prefetch_map(out);
        stages.init();
    }
    const Tiles tiles = find_tiles(g, (int*)(shared + (staging + 2 * STORE_BYTES - shared_address(shared))));
    cluster_sync();
    const int rank = CLUSTER == 1 ? 0 : cluster_rank(), steps = (g.depth + DEPTH - 1) / DEPTH;
    const int count = tiles.count();
    int n = 0, i = 0;
    if (threadIdx.x < 128) {
        give_registers<40>();
        if (threadIdx.x == 0) {
            for (int t = blockIdx.x / CLUSTER; t < count; t += gridDim.x / CLUSTER, i++) {
                const Tile tile = tiles.at(t, rank);
                tiles_ahead[i % TILES_AHEAD] = tile;
                for (int k = 0; k < steps; k++, n++) {
                    stages.fill(n, x, w, tile, k * DEPTH, rank);
                }
            }
        }
    } else {
        take_registers<232>();
        const int warpgroup = threadIdx.x / 128 - 1;
        float d[TOKENS / 2];
        for (int t = blockIdx.x / CLUSTER; t < count; t += gridDim.x / CLUSTER, i++, n += steps) {
            stages.wait_full(n);
            const Tile tile = tiles_ahead[i % TILES_AHEAD];
            wgmma_stages<TOKENS, FP8>(d, stages, n, steps, (tile.tokens + 15) / 16 * 16, warpgroup);
            store(g, out, tile, d, staging + warpgroup * STORE_BYTES, scales[warpgroup], warpgroup);
        }
        wait_stores_read();
    }
    cluster_sync(); // none leaves while another may still fill its stages or arrive at its barriers
}
