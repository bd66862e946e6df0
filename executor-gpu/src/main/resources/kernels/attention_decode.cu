// Attention of sequences that decode: one query token each, split over the context.
//
//   out[t][i][h] = sum_j softmax_j(scale * q[t][i][h] . k[j]) v[j], j over the visible positions of the sequence
//
// With SINKS exp(sinks[t][h]) is added to the softmax's denominator, once: by the block that writes the output.
// The GROUP query heads of a key head are columns of mma tiles, eight each. The rows of these tiles are tokens, and then dimensions. (GROUP
// > 16: ceil(GROUP / 16) blocks per key head.) Keys and values are thus read and converted once. bf16 in and out, fp32 scores, softmax and
// accumulators; the weights are rounded to bf16.
//
// Bytes: the visible keys and values, 4 * PADDED_DIM per token and key head; the rest is small. On an H200 with HEAD_DIM 128, 8 key heads,
// GROUP 4: 256 sequences of 2000 tokens 466 us, 4.5 TB/s, 94 % of the memory's peak (a device copy moves 4.2 TB/s); 256 of 400 102 us; one
// of 8192, 17 splits, 13 us for 34 MB. With KV_CODES, a byte instead of two and a scale per row: 250 us, 60 us.
//
// Grid: (splits, key heads of all tracks * ceil(GROUP / 16), decoding sequences); THREADS; SHARED_BYTES of dynamic shared memory. A warp
// takes every WARPS-th tile of 16 tokens of its split and copies tiles through its own ring, so the main loop has no block barrier. WARPS
// (compile-time): 2 if there are many blocks, so that memory stays busy with the other blocks when one starts or ends; 4 if there are few.
// chunk_pages > 0: split x covers chunk_pages pages of the sequence from page x * chunk_pages on, whatever the batch is (splits *
// chunk_pages must cover the longest sequence); 0: the visible pages are cut evenly. Every split costs a merge: best are the fewest splits
// that fill the GPU with about one block per multiprocessor.
//
// sequences: the number of each, or ~number if earlier steps stored all tokens but the last. The kernel then starts to copy their tiles
// before it waits for earlier kernels, which write the last token's keys and values.
//
// partials: splits * grid.y * grid.z * min(GROUP, 16) * (PADDED_DIM + 2) floats: the accumulators of all splits, then
// the pairs (max, sum). arrivals: grid.y * grid.z counters, 0 before the first launch and after each.
#include "attention_mma.cuh"
#include "kv_codes.cuh"
#include "launch.cuh"

constexpr int ROWS = GROUP < 16 ? GROUP : 16;
constexpr int PARTS = (GROUP + 15) / 16;
constexpr int HALVES = ROWS > 8 ? 2 : 1; // columns of query heads, eight at a time
constexpr int TILE = 16;
constexpr int TILE_BYTES = TILE * PADDED_DIM * (int)sizeof(Kv);
constexpr int STAGE_BYTES = 2 * TILE_BYTES + (KV_CODES ? 128 : 0); // keys, values, the scales of both
constexpr int TILES_PER_PAGE = PAGE_TOKENS / TILE;
constexpr int MIN_SPLIT_PAGES = 4;
constexpr int MERGE_DEPTH = 16; // splits that the merge loads at once
constexpr bool WIDE = PADDED_DIM > 128;
constexpr int QUERY_BYTES = HALVES * 8 * PADDED_DIM * (int)sizeof(bf16);
constexpr int TILES_12K = 12 * 1024 / STAGE_BYTES;
constexpr int STAGES = STAGE_BYTES > 12 * 1024 ? 2 : TILES_12K < 3 ? 3 : TILES_12K < 8 ? TILES_12K : 8;
constexpr int SHARED_BYTES = WARPS * STAGES * STAGE_BYTES + (WIDE ? QUERY_BYTES : 0);
// Blocks of a multiprocessor, which has 227 KB of shared memory from sm_90 on, and of which each takes 1 KB more.
constexpr int BLOCKS_BY_SHARED = 226 * 1024 / (SHARED_BYTES + 1024);
constexpr int BLOCKS_BY_REGISTERS = (HALVES == 2 && WIDE ? 8 : HALVES == 2 || WIDE ? 12 : 16) / WARPS;
constexpr int MIN_BLOCKS = BLOCKS_BY_SHARED < BLOCKS_BY_REGISTERS ? BLOCKS_BY_SHARED : BLOCKS_BY_REGISTERS;
constexpr int THREADS = WARPS * 32;
constexpr int MERGE_ROW = PADDED_DIM + 4; // floats; the 4 keep rows on different banks

// A tile lies in one piece. Rows past the sequence's end become zeros: they may hold NaN, and 0 * NaN is NaN.
__device__ __forceinline__ void copy_tile(unsigned to, const Kv* from, int rows, int lane) {
#pragma unroll
    for (int i = 0; i * 32 < TILE * KV_CHUNKS; i++) {
        int chunk = i * 32 + lane, row = chunk / KV_CHUNKS;
        if (TILE * KV_CHUNKS % 32 != 0 && chunk >= TILE * KV_CHUNKS) break;
        copy_async(to + swizzled<KV_CHUNKS>(row, chunk % KV_CHUNKS), from + chunk * 16 / sizeof(Kv), row < rows ? 16 : 0);
    }
}

// The place of a dimension of queries: four dimensions of a byte each are an operand's elements 2 i, 2 i + 8, 2 i + 1 and 2 i + 9.
__device__ __forceinline__ int place(int dim) {
    return KV_CODES ? dim / 16 * 16 + dim % 16 / 4 * 2 + dim % 4 / 2 + dim % 2 * 8 : dim;
}

// The factor between a byte of a page and its number is multiplied into queries and scores, and into weights and outputs: exactly.
constexpr float QUERY_FACTOR = INTEGERS ? KV_UNIT : 0x1p60f; // scores of tiny numbers would be 0 without

// Infinite where the row is not finite.
__device__ __forceinline__ float key_factor(unsigned scale) {
    return __uint_as_float(scale == 255 ? 0x7f800000 : (scale - (INTEGERS ? 0 : 60)) << 23);
}

__device__ __forceinline__ float value_factor(unsigned scale) {
    return __uint_as_float(scale << 23);
}

// The maximum over the eight lanes that hold a column of an mma tile.
__device__ __forceinline__ float column_max(float x) {
    for (int lane = 4; lane < 32; lane *= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, lane));
    return x;
}

__device__ __forceinline__ float column_sum(float x) {
    for (int lane = 4; lane < 32; lane *= 2) x += __shfl_xor_sync(~0u, x, lane);
    return x;
}

// A running softmax: accumulators relative to 2^max.
struct Merge {
    float max = MINUS_INFINITY, sum = 0;
    float4 acc = {0, 0, 0, 0};
    __device__ __forceinline__ void begin(float sink) {
        max = sink * LOG2_E;
        sum = 1;
    }
    __device__ __forceinline__ void rescale(float new_max) {
        float keep = exp2_fast(max - new_max);
        max = new_max;
        sum *= keep;
        acc = {acc.x * keep, acc.y * keep, acc.z * keep, acc.w * keep};
    }
    __device__ __forceinline__ void add(float other_max, float other_sum, float4 x) {
        float weight = exp2_fast(other_max - max);
        sum += other_sum * weight;
        acc = {acc.x + x.x * weight, acc.y + x.y * weight, acc.z + x.z * weight, acc.w + x.w * weight};
    }
    __device__ __forceinline__ void write(bf16* to, int dim) {
        float inverse = KV_UNIT / sum;
        float x[4] = {acc.x, acc.y, acc.z, acc.w};
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (dim + i < HEAD_DIM) to[dim + i] = to_bf16(x[i] * inverse);
    }
};

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS)
    attention_decode(const Attention a, const int* sequences, float* partials, unsigned* arrivals, int chunk_pages) {
    extern __shared__ __align__(128) unsigned char shared[];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int entry = sequences[blockIdx.z], sequence = entry < 0 ? ~entry : entry;
    const int context = a.contexts[sequence];
    const int first_token = a.window > 0 ? max(0, context - a.window) : 0;

    // The positions of this split.
    const int first_page = first_token / PAGE_TOKENS, end_page = (context + PAGE_TOKENS - 1) / PAGE_TOKENS;
    const int pages = end_page - first_page;
    int split = blockIdx.x, splits, page_begin, page_end;
    if (chunk_pages > 0) {
        split -= first_page / chunk_pages;
        splits = (end_page - 1) / chunk_pages - first_page / chunk_pages + 1;
        page_begin = max(first_page, (int)blockIdx.x * chunk_pages);
        page_end = min(end_page, ((int)blockIdx.x + 1) * chunk_pages);
    } else {
        splits = min((int)gridDim.x, (pages + MIN_SPLIT_PAGES - 1) / MIN_SPLIT_PAGES);
        page_begin = first_page + (int)((long long)pages * split / splits);
        page_end = first_page + (int)((long long)pages * (split + 1) / splits);
    }
    const bool nothing = split < 0 || split >= splits;
    const int tile_end = nothing ? 0 : min(page_end * TILES_PER_PAGE, (context + TILE - 1) / TILE);
    int next = max(page_begin * TILES_PER_PAGE, first_token / TILE) + warp; // the tile to copy next
    int tile = next;

    const int kv_head = blockIdx.y / PARTS, part = blockIdx.y % PARTS;
    const int track = kv_head / a.kv_heads;
    const int head = kv_head % a.kv_heads * GROUP + part * 16;
    const int rows = PARTS == 1 ? ROWS : min(16, GROUP - part * 16);
    const long long token = a.query_starts[sequence];
    const bf16* query = a.qkv + track * a.qkv_track_stride + token * a.qkv_cols + head * HEAD_DIM;
    bf16* out = a.out + track * a.out_track_stride + (token * a.heads + head) * HEAD_DIM;
    const float* sinks = a.sinks + track * a.heads + head;

    const int* table = a.page_tables + (long long)sequence * a.page_table_stride;
    const long long page_rows = gridDim.y / PARTS * PAGE_TOKENS, head_row = kv_head * PAGE_TOKENS;
    const unsigned ring = shared_address(shared) + warp * STAGES * STAGE_BYTES;
    unsigned slot = ring; // to copy to next
    int page = next < tile_end ? table[next / TILES_PER_PAGE] : 0;

    // The page's number was loaded one tile ahead, so that a copy never waits for it.
    auto copy_next = [&] {
        if (next < tile_end) {
            long long row = page * page_rows + head_row + next % TILES_PER_PAGE * TILE;
            int rows_left = context - next * TILE;
            next += WARPS;
            if (next < tile_end) page = table[next / TILES_PER_PAGE];
            copy_tile(slot, a.keys + row * PADDED_DIM, rows_left, lane);
            copy_tile(slot + TILE_BYTES, a.values + row * PADDED_DIM, rows_left, lane);
            if (KV_CODES && lane < 2) // 0 where there is no row
                copy_async(
                    slot + 2 * TILE_BYTES + lane * TILE, a.kv_scales + row * 2 + lane * TILE, min(rows_left, TILE));
        }
        commit_copies();
        slot = slot + STAGE_BYTES == ring + STAGES * STAGE_BYTES ? ring : slot + STAGE_BYTES;
    };

    int ahead = 0; // tiles under way
    const int stored_end = entry < 0 ? min(tile_end, (context - 1) / TILE) : 0;
#pragma unroll 1
    for (; ahead < STAGES - 1 && next < stored_end; ahead++) copy_next();
    wait_for_kernels_before();
    if (nothing) return;

    // The queries pass through the first warp's last stage, which is free until the main loop. WIDE: they stay behind the rings, since
    // their registers would spill.
    const unsigned query_matrix = swizzled(lane % 8 + lane / 16 % HALVES * 8, lane / 8 % 2);
    unsigned char* query_tile = shared + (WIDE ? WARPS * STAGES : STAGES - 1) * STAGE_BYTES;
#pragma unroll 16
    for (int i = threadIdx.x; i < HALVES * 8 * PADDED_DIM; i += THREADS) {
        int row = i / PADDED_DIM, dim = i % PADDED_DIM;
        bf16 x = row < rows && dim < HEAD_DIM ? query[row * HEAD_DIM + dim] : (bf16)0;
        if (KV_CODES) x = to_bf16(to_float(x) * QUERY_FACTOR);
        *(bf16*)(query_tile + swizzled(row, place(dim) / 8) + place(dim) % 8 * 2) = x;
    }
#pragma unroll 1
    for (; ahead < STAGES - 1; ahead++) copy_next();

    __syncthreads();
    unsigned q[PADDED_DIM / 16][4];
    auto load_query = [&](int k) {
        load_matrices(q[k], chunks_on(shared_address(query_tile) + query_matrix, k * 2));
    };
    if (!WIDE) {
#pragma unroll
        for (int k = 0; k < PADDED_DIM / 16; k++) load_query(k);
        __syncthreads();
    }

    float acc[PADDED_DIM / 16][HALVES][4] = {};
    float maximum[HALVES][2], sum[HALVES][2] = {};
#pragma unroll
    for (int i = 0; i < HALVES * 2; i++) maximum[i / 2][i % 2] = MINUS_INFINITY;
    const float scale = a.scale * LOG2_E; // softmax in powers of two
    const unsigned key_matrix = swizzled<KV_CHUNKS>(lane % 16, lane / 16);
    const unsigned value_matrix = swizzled<KV_CHUNKS>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    unsigned stage = ring;
    for (; tile < tile_end; tile += WARPS) {
        wait_copies<STAGES - 2>();
        __syncwarp(); // the tile landed for all lanes, and all are done with the one before: its stage is filled next
        copy_next();

        float score[HALVES][4] = {}, odd[HALVES][4] = {}; // two chains of sums: one would wait for itself
#pragma unroll
        for (int k = 0; k < KV_CHUNKS; k += 2) {
            unsigned x[4];
            load_matrices(x, chunks_on<KV_CHUNKS>(stage + key_matrix, k));
#pragma unroll
            for (int i = 0; i < (KV_CODES ? 2 : 1) && k + i < KV_CHUNKS; i++) { // a chunk of bytes is 16 dimensions
                const int step = KV_CODES ? k + i : k / 2;
                if (WIDE) load_query(step);
                unsigned bytes[4] = {
                    even_bytes(x[i * 2]), even_bytes(x[i * 2 + 1]), odd_bytes(x[i * 2]), odd_bytes(x[i * 2 + 1])};
#pragma unroll
                for (int h = 0; h < HALVES; h++)
                    multiply_add(
                        step % 2 ? odd[h] : score[h], KV_CODES ? bytes : x, q[step][h * 2], q[step][h * 2 + 1]);
            }
        }
        float value_factors[2] = {1, 1};
#pragma unroll
        for (int i = 0; i < 2; i++) { // tokens lane / 4 + i * 8
            float factor = scale;
            if (KV_CODES) {
                const unsigned scales = stage + 2 * TILE_BYTES + i * 8 + lane / 4;
                factor *= key_factor(load_shared_byte(scales));
                value_factors[i] = value_factor(load_shared_byte(scales + TILE));
            }
#pragma unroll
            for (int h = 0; h < HALVES; h++)
#pragma unroll
                for (int j = i * 2; j < i * 2 + 2; j++) score[h][j] = (score[h][j] + odd[h][j]) * factor;
        }
        if (tile * TILE < first_token || tile * TILE + TILE > context) {
#pragma unroll
            for (int i = 0; i < HALVES * 4; i++) {
                int position = tile * TILE + i % 4 / 2 * 8 + lane / 4;
                if (position < first_token || position >= context) score[i / 4][i % 4] = MINUS_INFINITY;
            }
        }

        bool grows = false;
#pragma unroll
        for (int i = 0; i < HALVES * 2; i++) // heads lane % 4 * 2 + i % 2 + i / 2 * 8
            grows |= fmaxf(score[i / 2][i % 2], score[i / 2][i % 2 + 2]) > maximum[i / 2][i % 2];
        if (__any_sync(~0u, grows)) { // rare once the maxima have settled
#pragma unroll
            for (int i = 0; i < HALVES * 2; i++) {
                const int h = i / 2, j = i % 2;
                float most = column_max(fmaxf(score[h][j], score[h][j + 2]));
                most = fmaxf(maximum[h][j], most); // finite: every tile has a visible token
                float keep = exp2_fast(maximum[h][j] - most);
                maximum[h][j] = most;
                sum[h][j] *= keep;
#pragma unroll
                for (int n = 0; n < PADDED_DIM / 16; n++) {
                    acc[n][h][j] *= keep;
                    acc[n][h][j + 2] *= keep;
                }
            }
        }
        unsigned p[HALVES][2];
#pragma unroll
        for (int h = 0; h < HALVES; h++) {
#pragma unroll
            for (int i = 0; i < 2; i++) {
                float x = exp2_fast(score[h][i * 2] - maximum[h][0]), y = exp2_fast(score[h][i * 2 + 1] - maximum[h][1]);
                sum[h][0] += x;
                sum[h][1] += y;
                p[h][i] = transposed(KV_CODES ? pack(x * value_factors[i], y * value_factors[i]) : pack(x, y));
            }
        }
#pragma unroll
        for (int n = 0; n < KV_CHUNKS; n += 2) {
            unsigned x[4];
            load_matrices_transposed(x, chunks_on<KV_CHUNKS>(stage + TILE_BYTES + value_matrix, n));
#pragma unroll
            for (int i = 0; i < (KV_CODES ? 2 : 1) && n + i < KV_CHUNKS; i++) { // rows of a tile of bytes: even dimensions, then odd ones
                unsigned bytes[4] = {even_bytes(x[i]), odd_bytes(x[i]), even_bytes(x[i + 2]), odd_bytes(x[i + 2])};
#pragma unroll
                for (int h = 0; h < HALVES; h++)
                    multiply_add(acc[KV_CODES ? n + i : n / 2][h], KV_CODES ? bytes : x, p[h][0], p[h][1]);
            }
        }
        stage = stage + STAGE_BYTES == ring + STAGES * STAGE_BYTES ? ring : stage + STAGE_BYTES;
    }

    // The warps' results, merged in shared memory.
    wait_copies<0>();
    __syncthreads();
    float* warp_acc = (float*)shared;
    float2* warp_stats = (float2*)(warp_acc + WARPS * ROWS * MERGE_ROW);
#pragma unroll
    for (int i = 0; i < HALVES * 2; i++) {
        const int h = i / 2, j = i % 2, row = h * 8 + lane % 4 * 2 + j;
        float total = column_sum(sum[h][j]);
        if (row >= ROWS) continue;
        float* to = warp_acc + (warp * ROWS + row) * MERGE_ROW + lane / 4 * (KV_CODES ? 2 : 1);
#pragma unroll
        for (int n = 0; n < PADDED_DIM / 16; n++) {
            to[n * 16] = acc[n][h][j];
            to[n * 16 + (KV_CODES ? 1 : 8)] = acc[n][h][j + 2];
        }
        if (lane < 4) warp_stats[warp * ROWS + row] = {maximum[h][j], total};
    }
    __syncthreads();

    const long long pair = blockIdx.z * gridDim.y + blockIdx.y; // of sequence and key head
    float* split_acc = partials + pair * gridDim.x * ROWS * PADDED_DIM;
    float2* split_stats = (float2*)(partials + (long long)gridDim.x * gridDim.y * gridDim.z * ROWS * PADDED_DIM)
        + pair * gridDim.x * ROWS;
    for (int i = threadIdx.x; i < rows * PADDED_DIM / 4; i += THREADS) {
        int row = i / (PADDED_DIM / 4), dim = i % (PADDED_DIM / 4) * 4;
        Merge merge;
        if (SINKS && splits == 1) merge.begin(sinks[row]);
        float most = merge.max;
#pragma unroll
        for (int w = 0; w < WARPS; w++) most = fmaxf(most, warp_stats[w * ROWS + row].x);
        if (SINKS) merge.rescale(most);
        merge.max = most;
#pragma unroll
        for (int w = 0; w < WARPS; w++) {
            float2 stats = warp_stats[w * ROWS + row];
            merge.add(stats.x, stats.y, *(float4*)(warp_acc + (w * ROWS + row) * MERGE_ROW + dim));
        }
        if (splits == 1) {
            merge.write(out + row * HEAD_DIM, dim);
        } else {
            *(float4*)(split_acc + (split * ROWS + row) * PADDED_DIM + dim) = merge.acc;
            if (dim == 0) split_stats[split * ROWS + row] = {merge.max, merge.sum};
        }
    }
    if (splits == 1) return;

    // The last split to arrive merges all, in their order.
    __shared__ bool last;
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        last = atomicInc(arrivals + pair, splits - 1) == splits - 1; // the last sets it to 0 again
        __threadfence();
    }
    __syncthreads();
    if (!last) return; // the fences made the other splits' partials visible to this block
    for (int i = threadIdx.x; i < rows * PADDED_DIM / 4; i += THREADS) {
        int row = i / (PADDED_DIM / 4), dim = i % (PADDED_DIM / 4) * 4;
        Merge merge;
        if (SINKS) merge.begin(sinks[row]);
        for (int x = 0; x < splits; x += MERGE_DEPTH) {
            float2 stats[MERGE_DEPTH];
            float4 partial[MERGE_DEPTH];
            float most = merge.max;
#pragma unroll
            for (int d = 0; d < MERGE_DEPTH; d++) {
                stats[d] = {MINUS_INFINITY, 0};
                partial[d] = {0, 0, 0, 0};
                if (x + d >= splits) continue;
                int y = (x + d) * ROWS + row;
                stats[d] = __ldcg(split_stats + y);
                partial[d] = __ldcg((const float4*)(split_acc + y * PADDED_DIM + dim));
            }
#pragma unroll
            for (int d = 0; d < MERGE_DEPTH; d++) most = fmaxf(most, stats[d].x);
            merge.rescale(most);
#pragma unroll
            for (int d = 0; d < MERGE_DEPTH; d++) merge.add(stats[d].x, stats[d].y, partial[d]);
        }
        merge.write(out + row * HEAD_DIM, dim);
    }
}
