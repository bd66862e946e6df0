// Causal attention of sequences with several tokens in the step, after FlashAttention-2, on any GPU from sm_80 on.
//
//   out[t][i][h] = sum_j softmax_j(scale * q[t][i][h] . k[j]) v[j], j over the positions that token i sees
//
// With SINKS exp(sinks[t][h]) is added to the softmax's denominator.
//
// A block takes BLOCK_ROWS = 128 packed query rows of one sequence and key head (row r is token r / GROUP of the step and query head r %
// GROUP of the key head) through its keys and values in tiles, with an online softmax. bf16 in and out, fp32 scores, softmax and
// accumulators; the weights are rounded to bf16.
//
// Operations: 4 * HEAD_DIM per query head, token and visible position. Bytes: queries and out once, keys and values
// once per block, mostly from L2. On an H200 with HEAD_DIM 128, GROUP 4, 32 query heads: 347 TFLOP/s for 8192 tokens
// (35 % of the peak), 314 for the last 1024 of 8192, 268 for 8 sequences of 1024.
//
// Grid: (work items, key heads of all tracks); WARPS * 32 threads; dynamic shared memory (BLOCK_ROWS + 2 * TILE_TOKENS) * PADDED_DIM * 2
// bytes, with KV_CODES 20 * TILE_TOKENS * ROW_THREADS more. Work item {sequence, block}: packed rows from block * BLOCK_ROWS on. Items with
// a long context should come first.
#include "attention_mma.cuh"
#include "kv_codes.cuh"
#include "launch.cuh"

constexpr int BLOCK_ROWS = 128;
constexpr bool WIDE = PADDED_DIM > 128;
constexpr int ROW_TILES = WIDE ? 1 : 2; // mma tiles of a warp's rows; two use each fragment of keys and values twice
constexpr int TILE_TOKENS = WIDE ? 32 : 64;
constexpr int WARP_ROWS = ROW_TILES * 16;
constexpr int WARPS = BLOCK_ROWS / WARP_ROWS;
constexpr int THREADS = WARPS * 32;
constexpr int ROWS_16 = 16 * PADDED_DIM * 2; // bytes
constexpr int ROW_THREADS = KV_CHUNKS > 16 ? 32 : KV_CHUNKS > 8 ? 16 : KV_CHUNKS > 4 ? 8 : 4; // that copy a row of a tile
constexpr int COPY_ROWS = THREADS / ROW_THREADS;
constexpr int ENTRIES = TILE_TOKENS / 16; // page table entries of a tile, one for each 16 tokens
constexpr int COPIES = TILE_TOKENS / COPY_ROWS; // of a thread to a tile

extern "C" __global__ void __launch_bounds__(THREADS, WIDE ? 1 : 2)
    attention_prefill(const Attention a, const int2* work) {
    wait_for_kernels_before();
    extern __shared__ __align__(128) unsigned char shared[];
    __shared__ int entries[2][ENTRIES];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int sequence = work[blockIdx.x].x, first_row = work[blockIdx.x].y * BLOCK_ROWS;
    const int start = a.query_starts[sequence], length = a.query_starts[sequence + 1] - start;
    const int context = a.contexts[sequence], rows = length * GROUP;
    if (first_row >= rows) return;

    const int kv_head = blockIdx.y, track = kv_head / a.kv_heads, first_head = kv_head % a.kv_heads * GROUP;
    const int* table = a.page_tables + (long long)sequence * a.page_table_stride;
    const int page_rows = gridDim.y * PAGE_TOKENS, head_row = kv_head * PAGE_TOKENS;

    // Positions of the block's and of the warp's first and last row, and the tokens that the block sees.
    auto position = [&](int row) { return context - length + row / GROUP; };
    const int warp_row = first_row + warp * WARP_ROWS;
    const int warp_first = position(warp_row);
    const int warp_last = warp_first + (WARP_ROWS + GROUP - 2) / GROUP; // or one before it
    const int window = a.window > 0 ? a.window : 1 << 30;
    const int first_seen = max(0, position(first_row) - window + 1);
    // Tiles begin at multiples of their size, so that a row is summed in the same pieces whatever rows its block has.
    const int begin = first_seen / TILE_TOKENS * TILE_TOKENS;
    const int end = position(min(first_row + BLOCK_ROWS, rows) - 1) + 1;

    const unsigned queries = shared_address(shared);
    const unsigned keys = queries + BLOCK_ROWS * PADDED_DIM * 2;
    const unsigned values = keys + TILE_TOKENS * PADDED_DIM * 2;
    int4* const staged = (int4*)(shared + (BLOCK_ROWS + 2 * TILE_TOKENS) * PADDED_DIM * 2) + threadIdx.x;
    unsigned char* const staged_scales = (unsigned char*)(staged + COPIES * THREADS) - threadIdx.x * 12;

    // Tiles are named by their first token. Tokens past the context, and those that no row of the block sees any more,
    // become zeros: their slots may hold NaN, and 0 * NaN is NaN; pages before the window may be another sequence's by
    // now. Page table entries without a visible token become 0.
    const int row = threadIdx.x / ROW_THREADS, column = threadIdx.x % ROW_THREADS;
    const unsigned copy_to = swizzled(row, column);
    auto copy_tile = [&](unsigned to, const Kv* cache, int tile) {
        if (column >= KV_CHUNKS) return;
#pragma unroll
        for (int i = 0; i < COPIES; i++) {
            int entry = row / 16 + i * COPY_ROWS / 16; // COPY_ROWS is 8, or a multiple of 16
            int token = tile + entry * 16, next = i * COPY_ROWS % 16;
            long long from = (long long)entries[tile / TILE_TOKENS & 1][entry] * page_rows
                + (head_row + token % PAGE_TOKENS + row % 16 + next);
            const int at = token + row % 16 + next;
            const bool there = at >= first_seen && at < context;
            copy_async(KV_CODES ? shared_address(staged + i * THREADS) : to + copy_to + i * COPY_ROWS * PADDED_DIM * 2,
                cache + from * PADDED_DIM + column * (16 / (int)sizeof(Kv)), there ? 16 : 0);
            if (KV_CODES) {
                const unsigned char* scales = a.kv_scales + from / 16 * 32 + (to == values ? 16 : 0) + from % 16 / 4 * 4;
                copy_async_4(shared_address(staged_scales + i * THREADS * 4), scales, there ? 4 : 0);
            }
        }
    };
    // With pages in 8 bits, a thread unpacks the bytes that it copied, so that it waits only for its own copies.
    auto unpack_tile = [&](unsigned to) {
        if constexpr (KV_CODES) {
            if (column >= KV_CHUNKS) return;
#pragma unroll
            for (int i = 0; i < COPIES; i++) {
                unsigned scale = staged_scales[i * THREADS * 4 + row % 4];
                unsigned factors = page_factors(scale, scale);
                const unsigned at = to + i * COPY_ROWS * PADDED_DIM * 2;
                int4 codes = staged[i * THREADS];
                store_shared_16(at + swizzled(row, column * 2), to_bf16x8(codes.x, codes.y, factors));
                store_shared_16(at + swizzled(row, column * 2 + 1), to_bf16x8(codes.z, codes.w, factors));
            }
        }
    };
    auto copy_entries = [&](int tile) {
        int token = tile + threadIdx.x * 16;
        const bool seen = token + 15 >= first_seen && token < context;
        if (threadIdx.x < ENTRIES)
            copy_async_4(shared_address(&entries[tile / TILE_TOKENS & 1][threadIdx.x]),
                table + (seen ? token / PAGE_TOKENS : 0), seen ? 4 : 0);
    };

    copy_entries(begin);
    commit_copies();
    const bf16* query = a.qkv + track * a.qkv_track_stride + (long long)start * a.qkv_cols + first_head * HEAD_DIM;
    if (HEAD_DIM % 8 == 0 && (a.qkv_cols | a.qkv_track_stride | (long long)a.qkv / 2) % 8 == 0) {
        for (int i = threadIdx.x; i < BLOCK_ROWS * CHUNKS; i += THREADS) {
            int chunk = i % CHUNKS, r = first_row + i / CHUNKS;
            bool there = r < rows && chunk < HEAD_DIM / 8;
            const bf16* from = query + (long long)(r / GROUP) * a.qkv_cols + r % GROUP * HEAD_DIM + chunk * 8;
            copy_async(queries + swizzled(i / CHUNKS, chunk), there ? from : query, there ? 16 : 0);
        }
    } else {
        for (int i = threadIdx.x; i < BLOCK_ROWS * PADDED_DIM; i += THREADS) {
            int dim = i % PADDED_DIM, r = first_row + i / PADDED_DIM;
            bool there = r < rows && dim < HEAD_DIM;
            bf16 x = there ? query[(long long)(r / GROUP) * a.qkv_cols + r % GROUP * HEAD_DIM + dim] : (bf16)0;
            *(bf16*)(shared + swizzled(i / PADDED_DIM, dim / 8) + dim % 8 * 2) = x;
        }
    }
    wait_copies<0>();
    __syncthreads();
    copy_tile(keys, a.keys, begin);
    commit_copies();

    // This lane's row of four 8 x 8 matrices.
    const unsigned query_matrix = queries + swizzled(warp * WARP_ROWS + lane % 16, lane / 16);
    const unsigned key_matrix = keys + swizzled(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    const unsigned value_matrix = values + swizzled(lane % 16, lane / 16);
    const float scale = a.scale * LOG2_E * KV_UNIT; // softmax in powers of two
    float acc[ROW_TILES][PADDED_DIM / 8][4] = {};
    float maximum[ROW_TILES][2], sum[ROW_TILES][2] = {}; // of rows lane / 4 and lane / 4 + 8; sum: this lane's share
#pragma unroll
    for (int m = 0; m < ROW_TILES; m++) maximum[m][0] = maximum[m][1] = MINUS_INFINITY;

    // One buffer each for keys and values: the values come during the scores, the next keys while the values are used.
    for (int tile = begin; tile < end; tile += TILE_TOKENS) {
        const bool seen = tile <= warp_last && tile + TILE_TOKENS + window > warp_first + 1;
        wait_copies<0>();
        unpack_tile(keys);
        __syncthreads(); // the keys landed, and all are done with the values before
        copy_tile(values, a.values, tile);
        copy_entries(tile + TILE_TOKENS);
        commit_copies();

        float score[ROW_TILES][TILE_TOKENS / 8][4] = {};
        if (seen) {
#pragma unroll
            for (int k = 0; k < PADDED_DIM / 16; k++) {
                unsigned q[ROW_TILES][4];
#pragma unroll
                for (int m = 0; m < ROW_TILES; m++)
                    load_matrices(q[m], chunks_on(query_matrix, k * 2) + m * ROWS_16);
#pragma unroll
                for (int n = 0; n < TILE_TOKENS / 16; n++) {
                    unsigned b[4];
                    load_matrices(b, chunks_on(key_matrix, k * 2) + n * ROWS_16);
#pragma unroll
                    for (int m = 0; m < ROW_TILES; m++) {
                        multiply_add(score[m][n * 2], q[m], b[0], b[1]);
                        multiply_add(score[m][n * 2 + 1], q[m], b[2], b[3]);
                    }
                }
            }
        }
        wait_copies<0>();
        unpack_tile(values);
        __syncthreads(); // the values landed, and all are done with the keys
        if (tile + TILE_TOKENS < end) copy_tile(keys, a.keys, tile + TILE_TOKENS);
        commit_copies();
        if (!seen) continue;

        if (tile + TILE_TOKENS - 1 > warp_first || tile < warp_last - window + 1) {
#pragma unroll
            for (int i = 0; i < ROW_TILES * TILE_TOKENS / 2; i++) {
                const int m = i / (TILE_TOKENS / 2), n = i / 4 % (TILE_TOKENS / 8), c = i % 4;
                int token = tile + n * 8 + lane % 4 * 2 + c % 2;
                int at = position(warp_row + m * 16 + c / 2 * 8 + lane / 4);
                if (token > at || token <= at - window) score[m][n][c] = MINUS_INFINITY;
            }
        }
        unsigned p[TILE_TOKENS / 16][ROW_TILES][4]; // the weights, as mma operands
#pragma unroll
        for (int m = 0; m < ROW_TILES; m++) {
#pragma unroll
            for (int h = 0; h < 2; h++) { // rows lane / 4 + h * 8
                float most = MINUS_INFINITY;
#pragma unroll
                for (int n = 0; n < TILE_TOKENS / 8; n++)
                    most = fmaxf(most, fmaxf(score[m][n][h * 2], score[m][n][h * 2 + 1]));
                float new_max = fmaxf(maximum[m][h], row_max(most) * scale);
                float base = new_max == MINUS_INFINITY ? 0 : new_max; // a row that has seen nothing yet
                float keep = exp2_fast(maximum[m][h] - base);
                maximum[m][h] = new_max;
                sum[m][h] *= keep;
#pragma unroll
                for (int n = 0; n < TILE_TOKENS / 8; n++) {
                    float x = exp2_fast(score[m][n][h * 2] * scale - base);
                    float y = exp2_fast(score[m][n][h * 2 + 1] * scale - base);
                    sum[m][h] += x + y;
                    p[n / 2][m][n % 2 * 2 + h] = pack(x, y);
                }
#pragma unroll
                for (int n = 0; n < PADDED_DIM / 8; n++) {
                    acc[m][n][h * 2] *= keep;
                    acc[m][n][h * 2 + 1] *= keep;
                }
            }
        }
#pragma unroll
        for (int k = 0; k < TILE_TOKENS / 16; k++) {
#pragma unroll
            for (int n = 0; n < PADDED_DIM / 16; n++) {
                unsigned b[4];
                load_matrices_transposed(b, chunks_on(value_matrix, n * 2) + k * ROWS_16);
#pragma unroll
                for (int m = 0; m < ROW_TILES; m++) {
                    multiply_add(acc[m][n * 2], p[k][m], b[0], b[1]);
                    multiply_add(acc[m][n * 2 + 1], p[k][m], b[2], b[3]);
                }
            }
        }
    }

    const bool pairs = HEAD_DIM % 2 == 0 && (a.out_track_stride | (long long)a.out / 2) % 2 == 0;
#pragma unroll
    for (int m = 0; m < ROW_TILES; m++) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float total = row_sum(sum[m][h]);
            int row = warp_row + m * 16 + h * 8 + lane / 4;
            if (row >= rows) continue;
            if (SINKS) total += exp2_fast(a.sinks[track * a.heads + first_head + row % GROUP] * LOG2_E - maximum[m][h]);
            float inverse = KV_UNIT / total;
            bf16* out = a.out + track * a.out_track_stride
                + ((long long)(start + row / GROUP) * a.heads + first_head + row % GROUP) * HEAD_DIM;
#pragma unroll
            for (int n = 0; n < PADDED_DIM / 8; n++) {
                int dim = n * 8 + lane % 4 * 2;
                float x = acc[m][n][h * 2] * inverse, y = acc[m][n][h * 2 + 1] * inverse;
                if (pairs) {
                    if (dim < HEAD_DIM) *(unsigned*)(out + dim) = pack(x, y);
                } else {
                    if (dim < HEAD_DIM) out[dim] = to_bf16(x);
                    if (dim + 1 < HEAD_DIM) out[dim + 1] = to_bf16(y);
                }
            }
        }
    }
}
