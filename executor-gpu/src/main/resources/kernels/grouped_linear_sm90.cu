// The matrix products of a mixture of experts, with Hopper's wgmma (sm_90a):
//     out[t, i] = w[t, e] x[t, i] + bias[t, e]        for the rows i of expert e: offsets[t][e] <= i < offsets[t][e + 1]
// GATED: of the first half of w's rows, the gates g, and the second, the ups u, in float32, never in memory,
//     out[t, i] = g' / (1 + exp(-alpha g')) * (u' + shift)        g' = min(g, limit), u' = min(max(u, -limit), limit)
// Rows are gathered by expert; how many each expert has is known on the device alone, so as many blocks as run at once find the
// tiles of all experts there and take them in turn. The outputs are wgmma's rows, the tokens its columns: an expert's tokens are
// cut evenly into tiles of at most TOKENS, which compute and store as many columns as have tokens, rounded up to 16. So few tokens
// cost little beside reading the weights, once, and many fill whole tiles.
// One thread has the copy engine fetch 64 of what is summed over at a time; the blocks of a cluster take different outputs for
// the same tokens, and fetch a part of these for each other. The two computing warpgroups take 64 rows of weights each: of gates
// and ups 8 in turn, so that a thread has both.
#include "bf16.cuh"
#include "hopper.cuh"

// CLUSTER: blocks; TOKENS: 64, 128 or 256; GATED: 0 or 1.
constexpr int WEIGHT_ROWS = 128;
constexpr int OUTPUTS = GATED ? WEIGHT_ROWS / 2 : WEIGHT_ROWS; // of a tile
constexpr int DEPTH = 64; // 128 bytes: a row of a swizzled array
constexpr int STAGES = TOKENS == 64 ? 8 : TOKENS == 128 ? 6 : 4;
constexpr int BOX = TOKENS / 4; // tokens that are fetched at once
constexpr int BOX_BYTES = BOX * DEPTH * 2;
constexpr int WEIGHT_BYTES = WEIGHT_ROWS * DEPTH * 2;
constexpr int STAGE_BYTES = WEIGHT_BYTES + TOKENS * DEPTH * 2;
constexpr int CHUNKS = OUTPUTS / 2 / 8; // of 16 bytes, that a warpgroup computes for a token
constexpr int STORE_BYTES = 64 * 64 * 2; // of a warpgroup
constexpr int PIECE = TOKENS == 64 ? 64 : STORE_BYTES / 16 / CHUNKS; // tokens that are stored at once
constexpr int COMPUTING_WARPS = 8;
constexpr int THREADS = 128 + 32 * COMPUTING_WARPS;
constexpr int TILES_TOGETHER = 8; // of an expert's tokens, before the next outputs
// Dynamic shared memory, 1024 of it to start at a multiple of 1024 (the period of the swizzle):
//     STAGES * STAGE_BYTES + 2 * STORE_BYTES + 1024 + 4 * (tracks * (experts + 1) + tracks * experts + 1)

struct Tile {
    int group, track, row, tokens, output; // group: an expert of a track
};

// The tiles of all experts, from the offsets in shared memory; before[g]: how many tiles of tokens the groups before g have.
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

// By all threads.
__device__ __forceinline__ Tiles find_tiles(const int* offsets, int* shared, int tracks, int experts, int outputs) {
    const int groups = tracks * experts;
    int* before = shared + groups + tracks;
    for (int i = threadIdx.x; i < groups + tracks; i += THREADS) {
        shared[i] = offsets[i];
    }
    __syncthreads();
    const Tiles tiles = {shared, before, experts, groups, (outputs + CLUSTER * OUTPUTS - 1) / (CLUSTER * OUTPUTS)};
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

// STAGES stages of weights and tokens; n counts over all tiles.
struct Stages {
    unsigned tiles, full, empty;

    __device__ __forceinline__ void init() const {
        for (int i = 0; i < STAGES; i++) {
            barrier_init(full + 8 * i, 1);
            barrier_init(empty + 8 * i, COMPUTING_WARPS * CLUSTER);
        }
        fence_barrier_init();
    }
    __device__ __forceinline__ unsigned at(int n) const {
        return tiles + n % STAGES * STAGE_BYTES;
    }
    __device__ __forceinline__ void fill(int n, const TensorMap& x, const TensorMap& w, const Tile& tile, int k,
                                         int rank) const {
        const unsigned here = full + 8 * (n % STAGES);
        const int boxes = (tile.tokens + BOX - 1) / BOX;
        barrier_wait(empty + 8 * (n % STAGES), n / STAGES % 2 ^ 1);
        barrier_expect(here, WEIGHT_BYTES + boxes * BOX_BYTES);
        if (GATED) {
            copy_groups(at(n), w, tile.group, tile.output / 8, k, here);
        } else {
            copy_tile(at(n), w, tile.group, tile.output, k, here);
        }
        for (int i = rank; i < boxes; i += CLUSTER) {
            const unsigned to = at(n) + WEIGHT_BYTES + i * BOX_BYTES;
            if (CLUSTER == 1) {
                copy_tile(to, x, tile.track, tile.row + i * BOX, k, here);
            } else {
                copy_tile_to_cluster(to, x, tile.track, tile.row + i * BOX, k, here, CLUSTER);
            }
        }
    }
    __device__ __forceinline__ void wait_full(int n) const {
        barrier_wait(full + 8 * (n % STAGES), n / STAGES % 2);
    }
    __device__ __forceinline__ void release(int n) const { // in all blocks: each fills a part of all
        if (threadIdx.x % 32 < CLUSTER) {
            barrier_arrive_at(empty + 8 * (n % STAGES), threadIdx.x % 32);
        }
    }
};

// COLS columns: as many as have tokens, rounded up to 16. n: the tile's first stage.
template <int COLS>
__device__ __forceinline__ void multiply(float (&d)[TOKENS / 2], const Stages& stages, int n, int steps, int cols,
                                         int warpgroup) {
    if constexpr (COLS > 16) {
        if (cols < COLS) {
            multiply<COLS - 16>(d, stages, n, steps, cols, warpgroup);
            return;
        }
    }
    for (int k = 0; k < steps; k++, n++) {
        stages.wait_full(n);
        const unsigned long long a = matrix_descriptor(stages.at(n) + warpgroup * 64 * DEPTH * 2, 0);
        const unsigned long long b = matrix_descriptor(stages.at(n) + WEIGHT_BYTES, 0);
        wgmma_fence();
#pragma unroll
        for (int i = 0; i < DEPTH / 16; i++) {
            wgmma_cols<COLS>(d, a + i * 32 / 16, b + i * 32 / 16, k + i);
        }
        wgmma_commit();
        if (k > 0) { // the stage before is read once the group before is done
            wgmma_wait<1>();
            stages.release(n - 1);
        }
    }
    wgmma_wait<0>(d);
    stages.release(n - 1);
}

struct Activation {
    float alpha, limit, shift;

    __device__ __forceinline__ float of(float gate, float up) const {
        const float g = fminf(gate, limit), u = fminf(fmaxf(up, -limit), limit);
        return __fdividef(g, 1.0f + __expf(-alpha * g)) * (u + shift);
    }
};

// Where a token's chunk lies among the warpgroup's, without bank conflicts.
__device__ __forceinline__ unsigned staged(int token, int chunk) {
    return CHUNKS == 8 ? swizzled_128(PIECE, token, chunk) : (token * CHUNKS + (chunk ^ token / 2 % CHUNKS)) * 16;
}

// Through shared memory, for stores of 16 bytes; d as hopper.cuh says. out, bias: of the tile's first token and the warpgroup's
// first output, of which as many are there.
__device__ __forceinline__ void store(const float (&d)[TOKENS / 2], unsigned staging, bf16* out, const bf16* bias, int tokens,
                                      int there, int outputs, int warpgroup, Activation activation) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
    const int low = GATED ? warp * 8 + lane / 4 : warp * 16 + lane / 4, high = GATED ? low + outputs : low + 8;
    const float bias_low = bias != nullptr && low < there ? to_float(bias[low]) : 0.0f;
    const float bias_high = bias != nullptr && (GATED ? low : high) < there ? to_float(bias[high]) : 0.0f;
    // What this thread has computed for 8 tokens: of its lower or, not GATED, its higher output.
    auto pair = [&](int j, int r) {
        const float* c = d + 4 * j;
        return GATED ? pack(activation.of(c[0] + bias_low, c[2] + bias_high), activation.of(c[1] + bias_low, c[3] + bias_high))
            : r == 0 ? pack(c[0] + bias_low, c[1] + bias_low)
                     : pack(c[2] + bias_high, c[3] + bias_high);
    };
#pragma unroll
    for (int piece = 0; piece < TOKENS; piece += PIECE) {
        if (piece >= tokens) {
            break;
        }
        named_barrier_sync(1 + warpgroup, 128); // the piece before has been stored
#pragma unroll
        for (int i = 0; i < PIECE / 8; i += GATED ? 4 : 2) {
            const int j = piece / 8 + i;
            if (GATED) {
                store_matrices_transposed(staging + staged(i * 8 + lane, warp), pair(j, 0), pair(j + 1, 0), pair(j + 2, 0),
                                          pair(j + 3, 0));
            } else {
                store_matrices_transposed(staging + staged(i * 8 + lane / 16 * 8 + lane % 8, warp * 2 + lane / 8 % 2), pair(j, 0),
                                          pair(j, 1), pair(j + 1, 0), pair(j + 1, 1));
            }
        }
        named_barrier_sync(1 + warpgroup, 128);
#pragma unroll
        for (int i = threadIdx.x % 128; i < PIECE * CHUNKS; i += 128) {
            const int token = i / CHUNKS, chunk = i % CHUNKS;
            if (piece + token < tokens && chunk * 8 < there) {
                *(int4*)(out + (long long)(piece + token) * outputs + chunk * 8) = load_shared_16(staging + staged(token, chunk));
            }
        }
    }
}

// Grid: as many blocks as run at once, a multiple of CLUSTER; block: THREADS. outputs and what is summed over (depth): multiples of 8.
extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
    grouped_linear(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap w, bf16* out,
                   long long out_track_stride, const bf16* bias, const int* offsets, int tracks, int experts, int outputs,
                   int depth, float alpha, float limit, float shift) {
    extern __shared__ unsigned char shared[];
    __shared__ unsigned long long barriers[2][STAGES];
    const unsigned start = (shared_address(shared) + 1023) / 1024 * 1024;
    const unsigned staging = start + STAGES * STAGE_BYTES;
    const Stages stages = {start, shared_address(barriers[0]), shared_address(barriers[1])};
    if (threadIdx.x == 0) {
        stages.init();
    }
    const Tiles tiles = find_tiles(offsets, (int*)(shared + (staging + 2 * STORE_BYTES - shared_address(shared))), tracks, experts,
                                   outputs);
    cluster_sync();
    const int rank = CLUSTER == 1 ? 0 : cluster_rank(), steps = (depth + DEPTH - 1) / DEPTH;
    const int count = tiles.count();
    int n = 0;
    if (threadIdx.x < 128) {
        give_registers<40>();
        if (threadIdx.x == 0) {
            for (int t = blockIdx.x / CLUSTER; t < count; t += gridDim.x / CLUSTER) {
                const Tile tile = tiles.at(t, rank);
                for (int k = 0; k < steps; k++, n++) {
                    stages.fill(n, x, w, tile, k * DEPTH, rank);
                }
            }
        }
    } else {
        take_registers<232>();
        const int warpgroup = threadIdx.x / 128 - 1;
        float d[TOKENS / 2];
        for (int t = blockIdx.x / CLUSTER; t < count; t += gridDim.x / CLUSTER, n += steps) {
            const Tile tile = tiles.at(t, rank);
            multiply<TOKENS>(d, stages, n, steps, (tile.tokens + 15) / 16 * 16, warpgroup);
            const int output = tile.output + warpgroup * OUTPUTS / 2;
            const long long biases = (long long)tile.group * outputs * (GATED ? 2 : 1) + output;
            store(d, staging + warpgroup * STORE_BYTES,
                  out + tile.track * out_track_stride + (long long)tile.row * outputs + output,
                  bias == nullptr ? bias : bias + biases, tile.tokens, outputs - output, outputs, warpgroup, {alpha, limit, shift});
        }
    }
    cluster_sync(); // none leaves while another may still fill its stages or arrive at its barriers
}
