// Multiplies the rows of gathered tokens by the weights of the experts that they chose, on any GPU from sm_80 on:
//
//   out[t][r] = x[t][r] . w[t][e] + bias[t][e], of the expert e whose rows hold r: offsets[t][e] <= r < offsets[t][e + 1]
//
// Rows from offsets[t][experts] on are neither read nor written. bf16 in and out, fp32 sums. A tile is ROWS rows of one expert by COLS
// outputs. Blocks are persistent and go from tile to tile by tile numbers, which follow from a scan of the offsets. Tiles that share
// weights are neighbours, so an expert's weights are read from memory once. An output's sum runs over the inputs in one order, whatever
// ROWS is, so a row's result does not depend on the others.
//
// Operations: 2 * inputs per output and row. Bytes: weights of the experts that have rows, x and out once. One H200, 128 experts 2,048 ->
// 1,536, 8 per token: 256 tokens 208 us (0.91 of the copy rate), 8,192 tokens 1,702 us (242 TFLOP/s).
//
// Grid: as many blocks as run at once, or fewer; THREADS threads; dynamic shared memory STAGES * STAGE_BYTES + 4 * (tracks * experts + 1).
// ROWS: 16, 32, 64 or 128. VECTOR: 8 if inputs are a multiple of 8, else 1.
#include "mma.cuh"

constexpr int COLS = 128;
constexpr int DEPTH = 64; // inputs of a stage: 128 bytes a row
constexpr int CHUNKS = DEPTH / 8;
constexpr int STAGES = ROWS > 64 ? 3 : 4;
constexpr int STAGE_BYTES = (ROWS + COLS) * DEPTH * 2;
constexpr int WARP_ROWS = ROWS < 64 ? ROWS : 64;
constexpr int WARP_COLS = ROWS > 64 ? 64 : 32; // large: a fragment is used more often once it is in registers
constexpr int WARPS_ACROSS = COLS / WARP_COLS;
constexpr int THREADS = ROWS / WARP_ROWS * WARPS_ACROSS * 32;
constexpr int COPY_ROWS = THREADS / CHUNKS;
constexpr int UNROLL = VECTOR == 8 ? 16 : 1; // of copies: one by one they would need registers
constexpr int ROW_TILES = WARP_ROWS / 16, COL_TILES = WARP_COLS / 8;

struct Grouped {
    bf16* out;
    long long out_track_stride;
    const bf16* x;
    long long x_track_stride;
    const bf16* w;      // [tracks * experts, outputs, inputs]
    const bf16* bias;   // [tracks * experts, outputs] or null
    const int* offsets; // [tracks, experts + 1]
    int tracks, experts, outputs, inputs;
};

struct Tile {
    int slab, track, row, end, col; // slab: of the weights; rows from row to before end
};

// Byte offset of 16 bytes of a row in an array of rows of 128 bytes.
__device__ __forceinline__ unsigned swizzled(int row, int chunk) {
    return row * 128 + (chunk ^ row % 8) * 16;
}

// starts[s]: row tiles of the slabs before s.
__device__ __forceinline__ void count_tiles(const Grouped& g, int* starts) {
    const int slabs = g.tracks * g.experts;
    for (int s = threadIdx.x; s < slabs; s += THREADS) {
        const int* at = g.offsets + s / g.experts * (g.experts + 1) + s % g.experts;
        starts[s] = (at[1] - at[0] + ROWS - 1) / ROWS;
    }
    __syncthreads();
    if (threadIdx.x < 32) {
        int before = 0;
        for (int from = 0; from < slabs; from += 32) {
            const int s = from + threadIdx.x, count = s < slabs ? starts[s] : 0;
            int sum = count;
            for (int step = 1; step < 32; step *= 2) {
                const int left = __shfl_up_sync(~0u, sum, step);
                sum += threadIdx.x >= step ? left : 0;
            }
            if (s < slabs) starts[s] = before + sum - count;
            before += __shfl_sync(~0u, sum, 31);
        }
        if (threadIdx.x == 0) starts[slabs] = before;
    }
    __syncthreads();
}

// A slab's tiles are numbered down its rows, then across.
__device__ __forceinline__ Tile tile_at(const Grouped& g, const int* starts, int tile, int across) {
    int low = 0, high = g.tracks * g.experts - 1; // the last slab that begins at or before the tile
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (starts[middle] * across <= tile) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    const int in_slab = tile - starts[low] * across, down = starts[low + 1] - starts[low], track = low / g.experts;
    const int* at = g.offsets + track * (g.experts + 1) + low % g.experts;
    return {low, track, at[0] + in_slab % down * ROWS, at[1], in_slab / down * COLS};
}

// Copies 16 bytes of a row, with zeros past its end; one element at a time if inputs are no multiple of 8.
__device__ __forceinline__ void copy_chunk(unsigned to, const bf16* row, int k, int inputs, bool there) {
#if VECTOR == 8
    const bool inside = there && k < inputs;
    copy_async(to, inside ? row + k : row, inside ? 16 : 0);
#else
    unsigned pairs[4];
    for (int i = 0; i < 4; i++) {
        const int at = k + 2 * i;
        const unsigned low = there && at < inputs ? row[at] : 0, high = there && at + 1 < inputs ? row[at + 1] : 0;
        pairs[i] = low | high << 16;
    }
    store_chunk(to, pairs);
#endif
}

// Fetches stage after stage, tile after tile.
struct Loader {
    Tile tile;
    int number, k;

    __device__ __forceinline__ void fetch(const Grouped& g, const int* starts, int across, int tiles, unsigned stage) {
        if (number >= tiles) return;
        const int row = threadIdx.x / CHUNKS, chunk = threadIdx.x % CHUNKS, at = k + chunk * 8;
        const bf16* x = g.x + tile.track * g.x_track_stride;
        const bf16* w = g.w + (long long)tile.slab * g.outputs * g.inputs;
#pragma unroll UNROLL
        for (int i = 0; i < ROWS; i += COPY_ROWS) {
            const int r = tile.row + i + row;
            const bool there = r < tile.end;
            copy_chunk(stage + swizzled(i + row, chunk), x + (long long)(there ? r : tile.row) * g.inputs, at, g.inputs, there);
        }
#pragma unroll UNROLL
        for (int i = 0; i < COLS; i += COPY_ROWS) {
            const int c = tile.col + i + row;
            const bool there = c < g.outputs;
            copy_chunk(stage + ROWS * 128 + swizzled(i + row, chunk), w + (long long)(there ? c : tile.col) * g.inputs, at,
                       g.inputs, there);
        }
        k += DEPTH;
        if (k >= g.inputs) {
            k = 0;
            number += gridDim.x;
            if (number < tiles) tile = tile_at(g, starts, number, across);
        }
    }
};

__device__ __forceinline__ void store(const Grouped& g, const Tile& tile, const float (&acc)[ROW_TILES][COL_TILES][4],
                                      int warp_row, int warp_col) {
    const int lane = threadIdx.x % 32;
    const bool pairs = g.outputs % 2 == 0; // tracks begin at multiples of 8
#pragma unroll
    for (int n = 0; n < COL_TILES; n++) {
        const int col = tile.col + warp_col + n * 8 + lane % 4 * 2;
        if (col >= g.outputs) continue;
        const bool second = col + 1 < g.outputs;
        float bias[2] = {};
        if (g.bias) {
            const bf16* from = g.bias + (long long)tile.slab * g.outputs + col;
            bias[0] = to_float(from[0]);
            if (second) bias[1] = to_float(from[1]);
        }
#pragma unroll
        for (int m = 0; m < ROW_TILES; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) {
                const int row = tile.row + warp_row + m * 16 + h * 8 + lane / 4;
                if (row >= tile.end) continue;
                bf16* to = g.out + tile.track * g.out_track_stride + (long long)row * g.outputs + col;
                const float a = acc[m][n][h * 2] + bias[0], b = acc[m][n][h * 2 + 1] + bias[1];
                if (pairs) {
                    *(unsigned*)to = pack(a, b);
                } else {
                    to[0] = to_bf16(a);
                    if (second) to[1] = to_bf16(b);
                }
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) grouped_linear(const Grouped g) {
    extern __shared__ __align__(128) unsigned char shared[];
    int* starts = (int*)(shared + STAGES * STAGE_BYTES);
    const unsigned stages = shared_address(shared);
    count_tiles(g, starts);
    const int across = (g.outputs + COLS - 1) / COLS, tiles = starts[g.tracks * g.experts] * across;
    const int steps = (g.inputs + DEPTH - 1) / DEPTH;
    if (blockIdx.x >= tiles) return;

    Loader loader = {tile_at(g, starts, blockIdx.x, across), (int)blockIdx.x, 0};
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++) {
        loader.fetch(g, starts, across, tiles, stages + s * STAGE_BYTES);
        commit_copies();
    }
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int warp_row = warp / WARPS_ACROSS * WARP_ROWS, warp_col = warp % WARPS_ACROSS * WARP_COLS;
    int stage = 0;
    for (int number = blockIdx.x; number < tiles; number += gridDim.x) {
        const Tile tile = tile_at(g, starts, number, across);
        const int rows = tile.end - tile.row - warp_row; // of the warp
        float acc[ROW_TILES][COL_TILES][4] = {};
        for (int step = 0; step < steps; step++) {
            wait_copies<STAGES - 2>();
            __syncthreads(); // the stage landed, and all are done with the one before, which is filled next
            loader.fetch(g, starts, across, tiles, stages + (stage + STAGES - 1) % STAGES * STAGE_BYTES);
            commit_copies();
            const unsigned x = stages + stage * STAGE_BYTES, w = x + ROWS * 128;
#pragma unroll
            for (int k = 0; k < DEPTH / 16; k++) {
                unsigned b[COL_TILES / 2][4];
#pragma unroll
                for (int n = 0; n < COL_TILES / 2; n++)
                    load_matrices(b[n], w + swizzled(warp_col + n * 16 + lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2));
#pragma unroll
                for (int m = 0; m < ROW_TILES; m++) {
                    if (m * 16 >= rows) break;
                    unsigned a[4];
                    load_matrices(a, x + swizzled(warp_row + m * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
                    for (int n = 0; n < COL_TILES / 2; n++) {
                        multiply_add(acc[m][n * 2], a, b[n][0], b[n][1]);
                        multiply_add(acc[m][n * 2 + 1], a, b[n][2], b[n][3]);
                    }
                }
            }
            stage = (stage + 1) % STAGES;
        }
        store(g, tile, acc, warp_row, warp_col);
    }
    wait_copies<0>();
}
