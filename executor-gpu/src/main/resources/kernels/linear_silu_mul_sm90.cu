// A gated MLP's first matmul and its activation (SwiGLU, arXiv 2002.05202), with Hopper's wgmma (sm_90a), for many rows:
//     out[t, i, j] = silu(x[t, i] . w[t, j]) * (x[t, i] . w[t, cols + j])        silu(g) = g / (1 + exp(-g))
// with gates and ups in float32, never in memory. A cluster of two blocks computes 256 rows and TILE_COLS columns, each block half of the
// rows. It goes on from tile to tile; neighbouring clusters work on tiles that share rows and weights in L2. One thread makes the copy
// engine fetch 64 inputs at a time: the block's rows for itself, the weights of gates or of ups for both blocks.
// The two computing warpgroups take 64 rows each; wgmma's columns are the gates, then their ups, so a thread has both. The first stages'
// weights are fetched before the kernel waits for the one that writes x.
// Measured on one H200 at its power limit, 8,192 rows, us; after each, matmul and silu_mul one after the other: two tracks of 2,560 -> 2 x
// 9,344: 2,359, 2,518; 7,168 -> 2 x 5,504: 1,894, 1,919; 4,096 -> 2 x 14,336: 2,787, 2,883.
// The last of these with 256 rows: 91.9 with 128 columns at a time, 85.4 with 112.
#include "bf16.cuh"
#include "hopper.cuh"
#include "launch.cuh"

constexpr int CLUSTER = 2;
constexpr int BLOCK_ROWS = 128;
constexpr int BLOCK_COLS = TILE_COLS; // a multiple of 8, more than 64 and at most 128
constexpr int DEPTH = 64; // 128 bytes: a row of a swizzled array
constexpr int STAGES = 4;
constexpr int ROWS_BYTES = BLOCK_ROWS * DEPTH * 2;
constexpr int WEIGHTS_BYTES = BLOCK_COLS * DEPTH * 2; // of gates, of ups
constexpr int STAGE_BYTES = ROWS_BYTES + 2 * WEIGHTS_BYTES;
constexpr int STORE_BYTES = 16 * 128 * 2; // what a warp has computed
constexpr int COMPUTING_WARPS = 8;
constexpr int THREADS = 128 + 32 * COMPUTING_WARPS;
constexpr int ROWS_TOGETHER = 8; // of tiles, that clusters side by side work on
// Dynamic shared memory, 1024 of it to start at a multiple of 1024 (the period of the swizzle):
//     STAGES * STAGE_BYTES + COMPUTING_WARPS * STORE_BYTES + 1024

struct Tile {
    int track, row, col;
};

// The clusters' tiles in the order of work: ROWS_TOGETHER tiles down, then the next columns.
struct Tiles {
    int down, across, count;

    __device__ __forceinline__ Tiles(int tracks, int rows, int cols)
        : down((rows + CLUSTER * BLOCK_ROWS - 1) / (CLUSTER * BLOCK_ROWS)), across((cols + BLOCK_COLS - 1) / BLOCK_COLS),
          count(tracks * down * across) {}

    __device__ __forceinline__ Tile at(int n) const {
        const int track = n / (down * across), in_track = n % (down * across);
        const int first = in_track / (ROWS_TOGETHER * across) * ROWS_TOGETHER, height = min(ROWS_TOGETHER, down - first);
        const int in_group = in_track - first * across;
        return {track, (first + in_group % height) * CLUSTER * BLOCK_ROWS, in_group / height * BLOCK_COLS};
    }
};

// Stages of rows and of the weights of gates and ups; n counts over all tiles. rank: this block's in its cluster.
struct Stages : FetchedStages<STAGES, STAGE_BYTES, COMPUTING_WARPS, CLUSTER> {
    __device__ __forceinline__ void fetch_weights(int n, const TensorMap& w, const Tile& tile, int k, int cols, int rank) const {
        expect(n, STAGE_BYTES);
        copy_tile_to_cluster(at(n) + ROWS_BYTES + rank * WEIGHTS_BYTES, w, tile.track, tile.col + rank * cols, k, arrival(n),
                             CLUSTER);
    }
    __device__ __forceinline__ void fetch_rows(int n, const TensorMap& x, const Tile& tile, int k, int rank) const {
        copy_tile(at(n), x, tile.track, tile.row + rank * BLOCK_ROWS, k, arrival(n));
    }
    __device__ __forceinline__ unsigned a(int n, int warpgroup) const {
        return at(n) + warpgroup * 64 * DEPTH * 2;
    }
    __device__ __forceinline__ unsigned b(int n) const {
        return at(n) + ROWS_BYTES;
    }
};

// Stores through shared memory, for stores of 16 bytes; d: layout as in hopper.cuh. first_row: the warp's.
__device__ __forceinline__ void store(const float (&d)[BLOCK_COLS], unsigned staging, bf16* out, int first_row, int rows, int col,
                                      int cols) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int r = 0; r < 2; r++) {
#pragma unroll
        for (int j = 0; j < BLOCK_COLS / 8; j++) {
            float y[2];
#pragma unroll
            for (int e = 0; e < 2; e++) {
                const float gate = d[4 * j + 2 * r + e], up = d[BLOCK_COLS / 2 + 4 * j + 2 * r + e];
                y[e] = __fdividef(gate, 1.0f + __expf(-gate)) * up;
            }
            store_shared(staging + swizzled_128(16, lane / 4 + 8 * r, j) + lane % 4 * 4, pack(y[0], y[1]));
        }
    }
    __syncwarp();
#pragma unroll
    for (int i = lane; i < 16 * BLOCK_COLS / 8; i += 32) {
        const int row = i / (BLOCK_COLS / 8), chunk = i % (BLOCK_COLS / 8);
        if (first_row + row < rows && col + chunk * 8 < cols) {
            *(int4*)(out + (long long)(first_row + row) * cols + col + chunk * 8) =
                load_shared_16(staging + swizzled_128(16, row, chunk));
        }
    }
    __syncwarp();
}

// Grid: as many blocks as run at once, an even number; block: THREADS. cols and the number of inputs (depth): multiples of 8.
extern "C" __global__ void __cluster_dims__(CLUSTER, 1, 1) __launch_bounds__(THREADS, 1)
    linear_silu_mul(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap w, bf16* out,
                    long long out_track_stride, int tracks, int rows, int cols, int depth) {
    extern __shared__ unsigned char shared[];
    __shared__ unsigned long long barriers[2][STAGES];
    const unsigned start = (shared_address(shared) + 1023) / 1024 * 1024;
    const Stages stages = {{start, shared_address(barriers[0]), shared_address(barriers[1])}};
    if (threadIdx.x == 0) {
        stages.init();
    }
    cluster_sync();
    const Tiles tiles(tracks, rows, cols);
    const int rank = cluster_rank(), steps = (depth + DEPTH - 1) / DEPTH;
    int n = 0;
    if (threadIdx.x < 128) {
        give_registers<40>();
        if (threadIdx.x == 0) {
            int t = blockIdx.x / CLUSTER;
            const int early = t < tiles.count ? min(STAGES, steps) : 0; // stages whose weights come before the rows are there
            for (int k = 0; k < early; k++) {
                stages.fetch_weights(k, w, tiles.at(t), k * DEPTH, cols, rank);
            }
            wait_for_kernels_before();
            for (; t < tiles.count; t += gridDim.x / CLUSTER) {
                const Tile tile = tiles.at(t);
                for (int k = 0; k < steps; k++, n++) {
                    if (n >= early) {
                        stages.fetch_weights(n, w, tile, k * DEPTH, cols, rank);
                    }
                    stages.fetch_rows(n, x, tile, k * DEPTH, rank);
                }
            }
        } else {
            wait_for_kernels_before();
        }
    } else {
        take_registers<232>();
        wait_for_kernels_before();
        const int warp = threadIdx.x / 32 - 4;
        const unsigned staging = start + STAGES * STAGE_BYTES + warp * STORE_BYTES;
        float d[BLOCK_COLS];
        for (int t = blockIdx.x / CLUSTER; t < tiles.count; t += gridDim.x / CLUSTER) {
            const Tile tile = tiles.at(t);
            for (int k = 0; k < steps; k++, n++) {
                stages.wait_full(n);
                const unsigned long long a = matrix_descriptor(stages.at(n) + warp / 4 * 64 * DEPTH * 2, 0);
                const unsigned long long b = matrix_descriptor(stages.at(n) + ROWS_BYTES, 0);
                wgmma_fence();
#pragma unroll
                for (int i = 0; i < DEPTH / 16; i++) {
                    wgmma_cols<2 * BLOCK_COLS, false>(d, a + i * 32 / 16, b + i * 32 / 16, k + i);
                }
                wgmma_commit();
                if (k > 0) { // the stage before is read once the group before is done
                    wgmma_wait<1>();
                    stages.release(n - 1);
                }
            }
            wgmma_wait<0>(d);
            stages.release(n - 1);
            store(d, staging, out + tile.track * out_track_stride, tile.row + rank * BLOCK_ROWS + warp * 16, rows, tile.col,
                  cols);
        }
    }
    cluster_sync(); // none leaves while the other may still fill its stages or arrive at its barriers
}
