// Causal attention of a step's query tokens against the paged KV cache, with Hopper's wgmma (sm_90a), after
// FlashAttention-3:
//     out[i, h] = sum_j softmax_j(scale * q[i, h] . k[j, h / GROUP]) v[j, h / GROUP]
//     over the tokens j of the sequence with position(i) - window < j <= position(i)
// With SINKS exp(sinks[h]) is added to the softmax's denominator.
// A block takes BLOCK_ROWS packed query rows of one sequence and one key head g (row r is token r / GROUP, head g * GROUP + r % GROUP), so
// that a group's heads share each read of keys and values. One warpgroup copies tiles of KV_TILE tokens through the page table into rings
// in shared memory; each of the others computes 64 rows, with sums in float32.
// Bytes: queries and output once, a sequence's keys and values once per block of rows (mostly from L2).
// Measured on one H200, causal, 32 heads over 8 key heads, medians; in parentheses cuDNN through PyTorch in the same run: HEAD_DIM 128,
// 8192 tokens 572 TFLOP/s (cuDNN 614; 58 % of the 990 peak), 8 x 1024 tokens 357 (438), the last 2048 of 8192 563; HEAD_DIM 64, 8192 tokens
// 472 (441), 8 x 1024 tokens 265 (318). With KV_CODES 0.8 of the rates of HEAD_DIM 128: two warpgroups copy and unpack, one keys and one
// values, and the queries stay in shared memory.
#include "attention_mma.cuh"
#include "kv_codes.cuh"
#include "hopper.cuh"
#include "launch.cuh"

static_assert(HEAD_DIM == 128 || HEAD_DIM == 64, "attention_prefill.cu serves other head sizes");
static_assert(PAGE_TOKENS % 16 == 0, "16 tokens of a tile lie together");

// Numbers of warpgroups. As many compute as the registers hold accumulators for, with the copying warpgroups.
constexpr int COMPUTING = HEAD_DIM == 128 || KV_CODES ? 2 : 3;
constexpr int COPYING = KV_CODES ? 2 : 1; // pages in 8 bits: one for keys, one for values
constexpr int THREADS = 128 * (COPYING + COMPUTING);
constexpr int BLOCK_ROWS = 64 * COMPUTING;
constexpr int KV_TILE = 128;
constexpr int STAGES = 2;
constexpr int TILE_BYTES = KV_TILE * HEAD_DIM * 2;
constexpr int ROWS_BYTES = 64 * HEAD_DIM * 2; // queries, later the output, of a warpgroup
constexpr int CODE_BYTES = KV_TILE * HEAD_DIM; // of a tile as it lies in pages of 8 bits
constexpr int STAGED_BYTES = CODE_BYTES + KV_TILE; // with its scales
// Dynamic shared memory: keys, values, rows; with KV_CODES two tiles of each in 8 bits; and 1024 to start at a multiple of 1024 (the
// period of the swizzle):
//     4 * TILE_BYTES + COMPUTING * ROWS_BYTES + (KV_CODES ? 4 * STAGED_BYTES : 0) + 1024

using TileRing = Ring<STAGES, TILE_BYTES>; // of tiles in the order of use: latest tokens first

// A sequence's part of the step, and the tiles of its cache that a block of rows sees.
struct Span {
    int query_start, rows, context, first_position, last_position, first_seen, last_tile, tiles;

    __device__ __forceinline__ Span(const Attention& a, int2 item) {
        query_start = a.query_starts[item.x];
        const int length = a.query_starts[item.x + 1] - query_start;
        rows = length * GROUP;
        context = a.contexts[item.x];
        first_position = context - length + item.y * BLOCK_ROWS / GROUP;
        last_position = min(context - length + (item.y * BLOCK_ROWS + BLOCK_ROWS - 1) / GROUP, context - 1);
        last_tile = last_position / KV_TILE;
        first_seen = a.window > 0 ? max(0, first_position - a.window + 1) : 0;
        tiles = last_tile + 1 - first_seen / KV_TILE;
    }
    __device__ __forceinline__ int first_token(int n) const { // of the n-th tile
        return (last_tile - n) * KV_TILE;
    }
};

// ---- the copying warpgroups

// Lane l looks up the place of tokens 16 l to 16 l + 15 of a tile, in units of 16 tokens.
__device__ __forceinline__ int look_up(const Span& span, const int* pages, int n) {
    const int lane = threadIdx.x % 32, token = span.first_token(n) + lane * 16;
    if (n >= span.tiles || lane >= KV_TILE / 16 || token >= span.context || token + 15 < span.first_seen) {
        return 0;
    }
    const int page = pages[token / PAGE_TOKENS];
    return (page * (int)gridDim.y + (int)blockIdx.y) * (PAGE_TOKENS / 16) + token % PAGE_TOKENS / 16;
}

__device__ __forceinline__ void copy_tiles(const Attention& a, const Span& span, int sequence, TileRing keys,
                                           TileRing values) {
    constexpr int ROWS = 128 / CHUNKS; // copied at once, a chunk a thread: 8 or 16, so a thread's chunk has one swizzle
    const int chunk = threadIdx.x % CHUNKS, first_row = threadIdx.x / CHUNKS;
    const int* pages = a.page_tables + (long long)sequence * a.page_table_stride;
    auto copy = [&](TileRing ring, const Kv* cache, int n, int places) {
        const unsigned target = ring.tile(n) + swizzled_128(KV_TILE, first_row, chunk);
        const int tokens = span.context - span.first_token(n) - first_row;
        const int unseen = span.first_seen - span.first_token(n) - first_row;
        ring.wait_empty(n);
#pragma unroll
        for (int i = 0; i < KV_TILE; i += ROWS) {
            const long long place = __shfl_sync(~0u, places, i / 16);
            const Kv* source = cache + (place * 16 + i % 16 + first_row) * HEAD_DIM + chunk * 8;
            // Zeros past the context and before the tokens that the block sees: memory there may hold NaN, or another sequence's tokens,
            // and the product of NaN with a weight of 0 is NaN.
            copy_async(target + i * 128, source, i >= unseen && i < tokens ? 16 : 0);
        }
        ring.fill(n);
    };
    int last_places = 0, places = look_up(span, pages, 0), next_places = look_up(span, pages, 1);
    for (int n = 0; n <= span.tiles; n++) { // keys run a tile ahead of values, as they are used
        if (n < span.tiles) {
            copy(keys, a.keys, n, places);
        }
        if (n > 0) {
            copy(values, a.values, n - 1, last_places);
        }
        last_places = places;
        places = next_places;
        next_places = look_up(span, pages, n + 2);
    }
}

// Copies the tiles of keys, or of values, a tile ahead as they lie in pages, then unpacks them. A thread copies the bytes that it unpacks.
__device__ __forceinline__ void unpack_tiles(const Attention& a, const Span& span, int sequence, TileRing ring,
                                             const Kv* cache, const unsigned char* scales, unsigned staged) {
    constexpr int ROWS = 128 / KV_CHUNKS, COPIES = KV_TILE / ROWS; // 16 or 32 rows at once
    constexpr int AT_ONCE = 2; // copies; one is slower
    // Eight threads take four chunks of two rows, so that unpacked numbers go to all banks.
    const int thread = threadIdx.x % 128;
    const int chunk = thread % 4 + (KV_CHUNKS == 8 ? thread / 8 % 2 * 4 : 0);
    const int first_row = KV_CHUNKS == 8 ? thread / 16 * 2 + thread / 4 % 2 : thread / 4;
    const int* pages = a.page_tables + (long long)sequence * a.page_table_stride;
    // Zeros, as in copy_tiles.
    auto there = [&](int n, int row) {
        const int token = span.first_token(n) + row;
        return token >= span.first_seen && token < span.context;
    };
    auto copy_codes = [&](int n, int places) {
        const unsigned to = staged + n % 2 * STAGED_BYTES;
#pragma unroll
        for (int i = 0; i < COPIES; i++) {
            const long long place = __shfl_sync(~0u, places, i * ROWS / 16 + first_row / 16);
            const Kv* source = cache + (place * 16 + first_row % 16) * HEAD_DIM + chunk * 16;
            copy_async(to + (i * 128 + thread) * 16, source, there(n, i * ROWS + first_row) ? 16 : 0);
        }
    };
    auto copy_scales = [&](int n, int places) { // by the lanes that looked up
        if (thread < KV_TILE / 16) {
            copy_async(staged + n % 2 * STAGED_BYTES + CODE_BYTES + thread * 16, scales + (long long)places * 32, 16);
        }
        commit_copies();
    };
    auto unpack = [&](int n) {
        const unsigned from = staged + n % 2 * STAGED_BYTES;
        const unsigned first = ring.tile(n) + swizzled_128(KV_TILE, first_row, 2 * chunk);
        const unsigned second = ring.tile(n) + swizzled_128(KV_TILE, first_row, 2 * chunk + 1);
#pragma unroll
        for (int i = 0; i < COPIES; i += AT_ONCE) {
            int4 codes[AT_ONCE];
            unsigned factors[AT_ONCE];
#pragma unroll
            for (int k = 0; k < AT_ONCE; k++) {
                const int row = (i + k) * ROWS + first_row;
                const unsigned scale = load_shared_byte(from + CODE_BYTES + row);
                codes[k] = load_shared_16(from + ((i + k) * 128 + thread) * 16);
                factors[k] = there(n, row) ? page_factors(scale, scale) : 0;
            }
#pragma unroll
            for (int k = 0; k < AT_ONCE; k++) {
                const int row = (i + k) * ROWS * 128;
                store_shared_16(first + row, to_bf16x8(codes[k].x, codes[k].y, factors[k]));
                store_shared_16(second + row, to_bf16x8(codes[k].z, codes[k].w, factors[k]));
            }
        }
        fence_async_proxy();
        barrier_arrive(ring.full + n % STAGES * 8);
    };
    int places = look_up(span, pages, 0), next_places = look_up(span, pages, 1);
    copy_codes(0, places);
    copy_scales(0, places);
    for (int n = 0; n < span.tiles; n++) {
        places = next_places;
        next_places = look_up(span, pages, n + 2);
        if (n + 1 < span.tiles) {
            copy_codes(n + 1, places);
        }
        wait_copies<0>(); // but for these, which are of no group yet
        named_barrier_sync(1 + 2 * COMPUTING + threadIdx.x / 128, 128); // scales landed, and those of n - 1 are read
        if (n + 1 < span.tiles) {
            copy_scales(n + 1, places);
        }
        ring.wait_empty(n);
        unpack(n);
    }
}

// ---- a computing warpgroup: 64 rows, held as hopper.cuh says (a thread has rows r, columns j and e)

// The queries are wgmma's first operand: in registers, which is faster, if there are enough.
struct Queries {
    static constexpr bool IN_REGISTERS = COMPUTING == 2 && !KV_CODES;
    unsigned rows;
    unsigned q[HEAD_DIM / 16][4];

    __device__ __forceinline__ void load(int warp_row) {
        if (IN_REGISTERS) {
#pragma unroll
            for (int i = 0; i < HEAD_DIM / 16; i++) {
                const int row = warp_row + threadIdx.x % 16, chunk = 2 * i + threadIdx.x % 32 / 16;
                load_matrices(q[i], rows + swizzled_128(64, row, chunk));
            }
        }
    }
    // Issues s = q k^T, 16 dimensions (32 bytes of the rows) a step; keys are the columns.
    __device__ __forceinline__ void multiply(float (&s)[KV_TILE / 2], unsigned keys) const {
        wgmma_fence();
        step<false>(s, keys, 0);
#pragma unroll
        for (int i = 1; i < HEAD_DIM / 16; i++) {
            step<true>(s, keys, i);
        }
        wgmma_commit();
    }
    template <bool ADD> __device__ __forceinline__ void step(float (&s)[KV_TILE / 2], unsigned keys, int i) const {
        const unsigned long long k = matrix_descriptor(keys, 0) + swizzled_128(KV_TILE, 0, 2 * i) / 16;
        if constexpr (IN_REGISTERS) {
            wgmma<ADD, false>(s, q[i], k);
        } else {
            wgmma<ADD, false>(s, matrix_descriptor(rows, 0) + swizzled_128(64, 0, 2 * i) / 16, k);
        }
    }
};

// Issues o += p v, 16 tokens (rows of 128 bytes) a step; dimensions are the columns.
__device__ __forceinline__ void add_weighted(float (&o)[HEAD_DIM / 2], const unsigned (&p)[KV_TILE / 16][4],
                                             unsigned values) {
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < KV_TILE / 16; i++) {
        wgmma<true, true>(o, p[i], matrix_descriptor(values, KV_TILE * 128) + i * 16 * 128 / 16);
    }
    wgmma_commit();
}

__device__ __forceinline__ void mask(float (&s)[KV_TILE / 2], int first_token, const int (&position)[2], int window) {
#pragma unroll
    for (int i = 0; i < KV_TILE / 2; i++) {
        const int token = first_token + i / 4 * 8 + threadIdx.x % 4 * 2 + i % 2;
        const int latest = position[i / 2 % 2];
        if (token > latest || token <= latest - window) {
            s[i] = MINUS_INFINITY;
        }
    }
}

// Online softmax, in powers of 2: s becomes its weights relative to the new peak, sum (over this thread's columns) includes them, and
// earlier sums must be multiplied by rescale.
__device__ __forceinline__ void softmax(float (&s)[KV_TILE / 2], float (&peak)[2], float (&sum)[2], float (&rescale)[2],
                                        float scale) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float top[2] = {peak[r], peak[r]}, added[2] = {};
#pragma unroll
        for (int i = 2 * r; i < KV_TILE / 2; i += 4) {
            top[0] = fmaxf(top[0], s[i]);
            top[1] = fmaxf(top[1], s[i + 1]);
        }
        const float new_peak = row_max(fmaxf(top[0], top[1]));
        // A row that has seen nothing yet has the peak -inf, and -inf - -inf would be NaN.
        const float base = new_peak == MINUS_INFINITY ? 0.0f : new_peak * scale;
        rescale[r] = exp2_fast(peak[r] * scale - base);
        peak[r] = new_peak;
#pragma unroll
        for (int i = 2 * r; i < KV_TILE / 2; i += 4) {
            s[i] = exp2_fast(fmaf(s[i], scale, -base));
            s[i + 1] = exp2_fast(fmaf(s[i + 1], scale, -base));
            added[0] += s[i];
            added[1] += s[i + 1];
        }
        sum[r] = sum[r] * rescale[r] + added[0] + added[1];
    }
}

// The weights of 16 tokens, rounded, are an operand that stays in registers.
__device__ __forceinline__ void pack_weights(unsigned (&p)[KV_TILE / 16][4], const float (&s)[KV_TILE / 2]) {
#pragma unroll
    for (int i = 0; i < KV_TILE / 4; i++) {
        p[i / 4][i % 4] = pack(s[2 * i], s[2 * i + 1]);
    }
}

// Calls copy(row, chunk, token of the step, head of the group) for the 16-byte chunks of a warp's rows, first_row on.
template <class Copy> __device__ __forceinline__ void each_chunk(const Span& span, int first_row, Copy copy) {
#pragma unroll
    for (int i = threadIdx.x % 32; i < 16 * CHUNKS; i += 32) {
        const int row = first_row + i / CHUNKS;
        if (row < span.rows) {
            copy(i / CHUNKS, i % CHUNKS, span.query_start + row / GROUP, row % GROUP);
        }
    }
}

// Named barriers: 1 + w for the turn of computing warpgroup w at the tensor cores, 1 + COMPUTING + w for that warpgroup itself; then those
// of copying warpgroups.
__device__ __forceinline__ void wait_turn(int warpgroup) {
    named_barrier_sync(1 + warpgroup, 256);
}

__device__ __forceinline__ void give_turn(int warpgroup) {
    named_barrier_arrive(1 + warpgroup % COMPUTING, 256);
}

__device__ __forceinline__ void sync_warpgroup(int warpgroup) {
    named_barrier_sync(1 + COMPUTING + warpgroup, 128);
}

// rows: shared memory of the queries, and then of the output.
__device__ __forceinline__ void attend(const Attention& a, const Span& span, int block, TileRing keys, TileRing values,
                                       unsigned rows) {
    const int warpgroup = threadIdx.x / 128 - COPYING, lane = threadIdx.x % 32;
    const int warp_row = threadIdx.x % 128 / 32 * 16; // of the warpgroup's
    int first_row = block * BLOCK_ROWS + warpgroup * 64 + warp_row; // the warp's first of the sequence's
    const int track = blockIdx.y / a.kv_heads, first_head = blockIdx.y % a.kv_heads * GROUP;
    rows += warpgroup * ROWS_BYTES;

    const bf16* queries = a.qkv + track * a.qkv_track_stride + first_head * HEAD_DIM;
    each_chunk(span, first_row, [&](int row, int chunk, long long token, int head) {
        copy_async(rows + swizzled_128(64, warp_row + row, chunk),
                   queries + token * a.qkv_cols + head * HEAD_DIM + chunk * 8, 16);
    });
    commit_copies();
    wait_copies<0>();
    fence_async_proxy();
    sync_warpgroup(warpgroup);
    Queries q;
    q.rows = rows;
    q.load(warp_row);

    const int window = a.window > 0 ? a.window : 1 << 30;
    const float scale = a.scale * LOG2_E * KV_UNIT;
    int position[2];
    float o[HEAD_DIM / 2] = {}, s[KV_TILE / 2], peak[2], sum[2] = {}, rescale[2];
    unsigned p[KV_TILE / 16][4];
#pragma unroll
    for (int r = 0; r < 2; r++) {
        position[r] = min(span.context - span.rows / GROUP + (first_row + lane / 4 + 8 * r) / GROUP, span.context - 1);
        peak[r] = MINUS_INFINITY;
    }
    auto weigh = [&](int n) {
        const int first_token = span.first_token(n);
        if (first_token + KV_TILE - 1 > span.first_position || first_token <= span.last_position - window) {
            mask(s, first_token, position, window);
        }
        softmax(s, peak, sum, rescale, scale);
    };

    if (warpgroup == COMPUTING - 1) {
        give_turn(0);
    }
    keys.wait_full(0);
    q.multiply(s, keys.tile(0));
    wgmma_wait<0>(s);
    keys.release(0);
    weigh(0);
    pack_weights(p, s);
    for (int n = 1; n < span.tiles; n++) {
        // The tensor cores take the warpgroups in turn, so that one's softmax runs during another's products. (ptxas
        // moves the wait for the sums ahead of most of the softmax; a branch that kept it behind gained nothing.)
        wait_turn(warpgroup);
        keys.wait_full(n);
        q.multiply(s, keys.tile(n));
        values.wait_full(n - 1);
        add_weighted(o, p, values.tile(n - 1));
        give_turn(warpgroup + 1);
        wgmma_wait<1>(s);
        keys.release(n);
        weigh(n);
        wgmma_wait<0>(o);
        values.release(n - 1);
        pack_weights(p, s);
#pragma unroll
        for (int i = 0; i < HEAD_DIM / 2; i++) {
            o[i] *= rescale[i / 2 % 2];
        }
    }
    values.wait_full(span.tiles - 1);
    add_weighted(o, p, values.tile(span.tiles - 1));
    wgmma_wait<0>(o);

    // Through shared memory, in place of the queries, for stores of 16 bytes.
    sync_warpgroup(warpgroup);
#pragma unroll
    for (int r = 0; r < 2; r++) {
        float total = row_sum(sum[r]);
        if (SINKS) {
            const int head = first_head + (first_row + lane / 4 + 8 * r) % GROUP;
            total += exp2_fast(a.sinks[track * a.heads + head] * LOG2_E - peak[r] * scale);
        }
        const float inverse = KV_UNIT / total;
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            const unsigned pair = pack(o[4 * j + 2 * r] * inverse, o[4 * j + 2 * r + 1] * inverse);
            const unsigned to = rows + swizzled_128(64, warp_row + lane / 4 + 8 * r, j) + lane % 4 * 4;
            store_shared(to, pair);
        }
    }
    __syncwarp();
    asm volatile("" : "+r"(first_row)); // so that tokens and heads are computed again, not held in registers all along
    bf16* out = a.out + track * a.out_track_stride + first_head * HEAD_DIM;
    each_chunk(span, first_row, [&](int row, int chunk, long long token, int head) {
        *(int4*)(out + (token * a.heads + head) * HEAD_DIM + chunk * 8) =
            load_shared_16(rows + swizzled_128(64, warp_row + row, chunk));
    });
}

// Grid: (work items {sequence, block of rows}, tracks * kv_heads); block: THREADS.
extern "C" __global__ void __launch_bounds__(THREADS, 1) attention_prefill(const Attention a, const int2* work) {
    wait_for_kernels_before();
    extern __shared__ unsigned char shared[];
    __shared__ unsigned long long barriers[4][STAGES];
    const int2 item = work[blockIdx.x];
    const Span span(a, item);
    const unsigned tiles = (shared_address(shared) + 1023) / 1024 * 1024;
    const TileRing keys = {tiles, shared_address(barriers[0]), shared_address(barriers[1])};
    const TileRing values = {tiles + STAGES * TILE_BYTES, shared_address(barriers[2]), shared_address(barriers[3])};
    if (threadIdx.x == 0) {
        keys.init(128, 4 * COMPUTING); // the threads that copy it, the computing warps
        values.init(128, 4 * COMPUTING);
    }
    __syncthreads();
    // The copying warpgroups hand registers to the others.
    if (threadIdx.x < 128 * COPYING) {
        give_registers<KV_CODES ? 48 : COMPUTING == 2 ? 40 : 32>();
        if constexpr (KV_CODES) {
            const bool of_values = threadIdx.x >= 128;
            const unsigned staged = tiles + 2 * STAGES * TILE_BYTES + COMPUTING * ROWS_BYTES;
            unpack_tiles(a, span, item.x, of_values ? values : keys, of_values ? a.values : a.keys,
                         a.kv_scales + (of_values ? 16 : 0), staged + (of_values ? 2 * STAGED_BYTES : 0));
        } else {
            copy_tiles(a, span, item.x, keys, values);
        }
    } else {
        take_registers<KV_CODES ? 208 : COMPUTING == 2 ? 232 : 160>();
        attend(a, span, item.y, keys, values, tiles + 2 * STAGES * TILE_BYTES);
    }
}
