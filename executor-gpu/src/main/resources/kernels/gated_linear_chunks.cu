// Gated linear attention (the recurrence in gated_linear.cu) over chunks of 64 tokens on tensor cores (arXiv 2312.06635, section 4; sm_80 on).
// D(s, t] is the product of e^g over a chunk's tokens after s up to t, a number for every row of S. S is the state before the chunk:
//     out_t = S^T (D(-1, t] q_t) / sqrt(KEY_DIM) + sum over s <= t of A_ts v_s
//     A_ts = (D(s, t] q_t) . k_s / sqrt(KEY_DIM)
//     S = diag(D(-1, 63]) S + sum over s of (D(s, 63] k_s) v_s^T
// Every row has its own decays, so D is inside A's products, and its inverse, which would separate them, overflows. But in the smallest
// aligned block of 2 h tokens with both s < t, s is in the lower half, which ends with a token m, and t in the upper: D(s, t] = D(s, m]
// D(m, t]. So for each h of 1, 2, 4 .. 32 a tile holds D(m, t] q_t of upper halves and D(s, m] k_s of lower halves, and its products with
// itself contain these elements of A.
// This halves the paper's sub-chunks down to tokens. Decays are multiplied, never divided, so that all factors are in [0, 1].
// Operands are bf16, sums, decays and the state fp32. If a sequence ends within a chunk, the rest are tokens of zeros without decay.
//
// linear_factors computes the terms that do not need S, for all chunks at once; gated_linear_chunks goes from chunk to chunk of a sequence,
// a warp with 16 columns of S in registers. It computes with transposes: S^T, in the layout of an mma's result, is the left operand, and so
// is V^T; the right operand is in shared memory.
//
// Operations of a chunk and a head: 256 KEY_DIM VALUE_DIM + 5,120 VALUE_DIM + 11,264 KEY_DIM by tensor cores. Bytes: queries, keys and decays once,
// and 260 KEY_DIM + 8,192 of factors written, which every COLS columns read (L2); values and outputs once; a state read and written.
// Compile-time: KEY_DIM (a multiple of 16, at most 256), VALUE_DIM (a multiple of 16 WARPS), WARPS.
#include "chunks.cuh"
#include "gated_linear.cuh"
#include "launch.cuh"

constexpr int KEY_CHUNKS = KEY_DIM / 8; // 16-byte pieces of a row
constexpr int TILE_BYTES = CHUNK * KEY_DIM * 2;

// The factors of a chunk and a head; bf16 tiles swizzled as in shared memory.
struct Factors {
    unsigned char queries[TILE_BYTES]; // D(-1, t] q_t / sqrt(KEY_DIM)
    unsigned char mix[SQUARE_BYTES];   // A
    unsigned char keys[TILE_BYTES];    // D(s, 63] k_s
    float kept[KEY_DIM];               // D(-1, 63]
};

// ---- factors: a warp has 16 tokens, a lane two columns of 64 at a time

constexpr int PART = 16;
constexpr int PARTS = CHUNK / PART;
constexpr int LEVELS = 4; // blocks of 2, 4, 8 and 16 tokens, all a warp's
constexpr int SLAB = 64;
constexpr int SLAB_CHUNKS = SLAB / 8;
constexpr int SLAB_BYTES = CHUNK * SLAB * 2;
constexpr int ALL_SLABS = (KEY_DIM + SLAB - 1) / SLAB * SLAB;

// c[16 x 16] += 16 rows of a tile times 16 of them; the addresses are this lane's.
__device__ __forceinline__ void multiply_rows(float (&c)[2][4], unsigned left, unsigned right) {
#pragma unroll
    for (int k = 0; k < SLAB / 16; k++) {
        unsigned a[4], b[4];
        load_matrices(a, chunks_on<SLAB_CHUNKS>(left, 2 * k));
        load_matrices(b, chunks_on<SLAB_CHUNKS>(right, 2 * k));
        multiply_add(c[0], a, b[0], b[1]);
        multiply_add(c[1], a, b[2], b[3]);
    }
}

__device__ __forceinline__ float2 operator*(float2 x, float2 y) {
    return make_float2(x.x * y.x, x.y * y.y);
}

__device__ __forceinline__ unsigned scaled(unsigned pair, float2 factors) {
    return scaled(pair, factors.x, factors.y);
}

// Grid: (chunks, heads of all tracks); PARTS * 32. chunks: the sequence, and the number of its chunk.
extern "C" __global__ void __launch_bounds__(PARTS * 32) linear_factors(const GatedLinear g, const int2* chunks, Factors* factors) {
    wait_for_kernels_before();
    __shared__ __align__(128) unsigned char tiles[4][SLAB_BYTES]; // two that a warp has 16 rows of by itself, in turn; h = 16; h = 32
    __shared__ float2 totals[PARTS][32];
    __shared__ float diagonal[PARTS][PART];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int sequence = chunks[blockIdx.x].x, begin = g.query_starts[sequence] + chunks[blockIdx.x].y * CHUNK;
    const int first = begin + warp * PART, count = g.query_starts[sequence + 1] - first; // of the warp
    const int track = blockIdx.y / g.key_heads, head = blockIdx.y % g.key_heads;
    Factors& own = factors[(long long)blockIdx.x * gridDim.y + blockIdx.y];
    const float scale = rsqrtf((float)KEY_DIM);

    const unsigned left_row = swizzled<SLAB_CHUNKS>(lane % 16, lane / 16);
    const unsigned right_row = swizzled<SLAB_CHUNKS>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    auto rows = [&](int tile, int part, unsigned row) { return shared_address(tiles[tile]) + part * PART * SLAB * 2 + row; };

    float within[LEVELS][2][4] = {}, across[PARTS - 1][2][4] = {}, alike[PART] = {}; // of A; alike: q_t . k_t, the lane's columns
    const bf16 *query = g.query(track, first, head), *key = g.key(track, first, head), *decay = g.decay(track, first, head);
    for (int column = 2 * lane; column < ALL_SLABS; column += SLAB) {
        unsigned queries[PART], keys[PART];
        float2 before[PART], after[PART]; // of a token in its block of h: D up to it; D after it
#pragma unroll
        for (int t = 0; t < PART; t++) {
            const bool there = column < KEY_DIM && t < count;
            auto pair = [&](const bf16* from, int row) { return there ? *reinterpret_cast<const unsigned*>(from + (t * row + column)) : 0; };
            const unsigned a = pair(decay, g.key_heads * KEY_DIM);
            queries[t] = pair(query, g.qkv_cols);
            keys[t] = pair(key, g.qkv_cols);
            before[t] = there ? make_float2(g.kept(low_float(a)), g.kept(high_float(a))) : make_float2(1, 1);
            after[t] = make_float2(1, 1);
            alike[t] += low_float(queries[t]) * low_float(keys[t]) + high_float(queries[t]) * high_float(keys[t]);
        }
        auto put = [&](int tile, int t, bool upper) {
            *reinterpret_cast<unsigned*>(tiles[tile] + swizzled<SLAB_CHUNKS>(warp * PART + t, lane / 4) + lane % 4 * 4) =
                upper ? scaled(queries[t], before[t]) : scaled(keys[t], after[t]);
        };
#pragma unroll
        for (int level = 0; level < LEVELS; level++) {
            const int h = 1 << level;
#pragma unroll
            for (int t = 0; t < PART; t++) put(level % 2, t, t & h);
            __syncwarp();
            multiply_rows(within[level], rows(level % 2, warp, left_row), rows(level % 2, warp, right_row));
#pragma unroll
            for (int t = 0; t < PART; t++) { // on to blocks of 2 h
                if (t & h) {
                    before[t] = before[t] * before[(t & -2 * h) + h - 1];
                } else {
                    after[t] = after[t] * before[t | (2 * h - 1)];
                }
            }
        }
        totals[warp][lane] = before[PART - 1];
        __syncthreads(); // also: all are done with the slab before
        const float2 one = make_float2(1, 1), beside = totals[warp ^ 1][lane];
        const float2 opposite = totals[warp ^ 2][lane] * totals[warp ^ 3][lane];
        if (warp == 0 && column < KEY_DIM) *reinterpret_cast<float2*>(own.kept + column) = before[PART - 1] * beside * opposite;
#pragma unroll
        for (int t = 0; t < PART; t++) {
            put(2, t, warp & 1);
            before[t] = before[t] * (warp & 1 ? beside : one);
            after[t] = after[t] * (warp & 1 ? one : beside);
            put(3, t, warp & 2);
            before[t] = before[t] * (warp & 2 ? opposite : one);
            after[t] = after[t] * (warp & 2 ? one : opposite);
            if (column < KEY_DIM) {
                const unsigned to = swizzled<KEY_CHUNKS>(warp * PART + t, column / 8) + column % 8 * 2;
                *reinterpret_cast<unsigned*>(own.queries + to) = scaled(queries[t], before[t] * make_float2(scale, scale));
                *reinterpret_cast<unsigned*>(own.keys + to) = scaled(keys[t], after[t]);
            }
        }
        __syncthreads();
#pragma unroll
        for (int s = 0; s < PARTS - 1; s++) {
            if (s >= warp) break;
            const int tile = (warp ^ s) & 2 ? 3 : 2;
            multiply_rows(across[s], rows(tile, warp, left_row), rows(tile, s, right_row));
        }
    }

    auto put_mix = [&](int part, const float (&a)[2][4]) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int row = warp * PART + lane / 4 + i % 2 * 8, col = part * PART + i / 2 * 8 + lane % 4 * 2;
            const float* two = a[i / 2] + i % 2 * 2;
            *reinterpret_cast<unsigned*>(own.mix + in_square(row, col)) = pack(scale * two[0], scale * two[1]);
        }
    };
#pragma unroll
    for (int s = 0; s < PARTS - 1; s++) {
        if (s < warp) put_mix(s, across[s]);
    }
#pragma unroll
    for (int t = 0; t < PART; t++) {
        for (int lanes = 16; lanes > 0; lanes /= 2) alike[t] += __shfl_xor_sync(~0u, alike[t], lanes);
        if (lane == 0) diagonal[warp][t] = alike[t];
    }
    __syncwarp();
    float a[2][4];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const int row = lane / 4 + i / 2 % 2 * 8, col = i / 4 * 8 + lane % 4 * 2 + i % 2;
        float product = row == col ? diagonal[warp][row] : 0.0f;
#pragma unroll
        for (int level = 0; level < LEVELS; level++) { // the last has the smallest block of both
            if (row > col && (row ^ col) >> level) product = within[level][i / 4][i % 4];
        }
        a[i / 4][i % 4] = product;
    }
    put_mix(warp, a);
}

// ---- from chunk to chunk

constexpr int THREADS = WARPS * 32;
constexpr int COLS = WARPS * 16; // of S, that a block has

// Grid: (VALUE_DIM / COLS, heads of all tracks, sequences); THREADS; shared memory for a chunk's Factors and values.
// sequences: the number of each, and the number of its first chunk among all.
extern "C" __global__ void __launch_bounds__(THREADS)
    gated_linear_chunks(const GatedLinear g, const int2* sequences, const Factors* factors) {
    wait_for_kernels_before();
    extern __shared__ __align__(128) unsigned char shared[];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int sequence = sequences[blockIdx.z].x, begin = g.query_starts[sequence], end = g.query_starts[sequence + 1];
    const int chunks = (end - begin + CHUNK - 1) / CHUNK;
    const int track = blockIdx.y / g.key_heads, head = blockIdx.y % g.key_heads;
    const unsigned char* own = reinterpret_cast<const unsigned char*>(factors + (long long)sequences[blockIdx.z].y * gridDim.y + blockIdx.y);
    const long long next = (long long)gridDim.y * sizeof(Factors); // bytes from a chunk's factors to the next one's
    const Factors& f = *reinterpret_cast<const Factors*>(shared);
    const unsigned queries = shared_address(f.queries), mix = shared_address(f.mix), keys = shared_address(f.keys);
    const unsigned values = shared_address(shared) + (int)sizeof(Factors);

    auto copy_queries = [&](int chunk) {
        copy_bytes<THREADS, TILE_BYTES>(queries, own + chunk * next);
        commit_copies();
    };
    auto copy_others = [&](int chunk) {
        const int first = begin + chunk * CHUNK;
        copy_bytes<THREADS, (int)sizeof(Factors) - TILE_BYTES>(mix, own + chunk * next + TILE_BYTES);
        copy_rows<THREADS, COLS / 8>(values, g.value(track, first, head) + blockIdx.x * COLS, g.qkv_cols, min(CHUNK, end - first));
        commit_copies();
    };
    copy_queries(0);

    // s[j][2 * r + e]: column first_col + 8 * r, row 8 * j + lane % 4 * 2 + e of S.
    const int warp_col = blockIdx.x * COLS + warp * 16, first_col = warp_col + lane / 4;
    StateElement* state = g.states.of(track, sequence) + (long long)head * KEY_DIM * VALUE_DIM;
    const bool begins = g.states.begins(sequence);
    float s[KEY_DIM / 8][4];
#pragma unroll
    for (int j = 0; j < KEY_DIM / 8; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
            s[j][e] = begins ? 0.0f : from_state(state[(8 * j + lane % 4 * 2 + e % 2) * VALUE_DIM + first_col + e / 2 * 8]);
        }
    }

    const unsigned by_row = swizzled<KEY_CHUNKS>(lane % 8 + lane / 16 * 8, lane / 8 % 2); // sums along rows of queries
    const unsigned by_token = swizzled<KEY_CHUNKS>(lane % 16, lane / 16);                  // sums over tokens of keys
    const unsigned square = swizzled<CHUNK / 8>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    auto load_values = [&](unsigned (&v)[4], int t) { // V^T of 16 tokens
        load_matrices_transposed(v, values + swizzled<COLS / 8>(16 * t + lane % 8 + lane / 16 * 8, 2 * warp + lane / 8 % 2));
    };
    for (int chunk = 0; chunk < chunks; chunk++) {
        wait_copies<0>();
        __syncthreads(); // queries are there, and all are done with the others of the chunk before
        copy_others(chunk);
        float out[CHUNK / 8][4] = {};
#pragma unroll
        for (int k = 0; k < KEY_DIM / 16; k++) {
            const unsigned a[4] = {pack(s[2 * k][0], s[2 * k][1]), pack(s[2 * k][2], s[2 * k][3]), pack(s[2 * k + 1][0], s[2 * k + 1][1]),
                pack(s[2 * k + 1][2], s[2 * k + 1][3])};
#pragma unroll
            for (int n = 0; n < CHUNK / 16; n++) {
                unsigned b[4];
                load_matrices(b, chunks_on<KEY_CHUNKS>(queries + n * 16 * KEY_DIM * 2 + by_row, 2 * k));
                multiply_add(out[2 * n], a, b[0], b[1]);
                multiply_add(out[2 * n + 1], a, b[2], b[3]);
            }
        }

        wait_copies<0>();
        __syncthreads(); // the others are there, and all are done with queries
        if (chunk + 1 < chunks) copy_queries(chunk + 1);
        {
            unsigned v[CHUNK / 16][4];
#pragma unroll
            for (int t = 0; t < CHUNK / 16; t++) load_values(v[t], t);
            multiply_lower(out, v, mix + square);
        }
        const int token = begin + chunk * CHUNK + lane / 4;
        bf16* to = g.output(track, token, head) + warp_col + lane % 4 * 2;
#pragma unroll
        for (int j = 0; j < CHUNK / 8; j++) {
#pragma unroll
            for (int r = 0; r < 2; r++) {
                const unsigned pair = transposed(pack(out[j][2 * r], out[j][2 * r + 1]));
                if (token + 8 * j < end) *reinterpret_cast<unsigned*>(to + (8 * j * g.key_heads * VALUE_DIM + 8 * r)) = pair;
            }
        }
        scale_columns(s, f.kept);
#pragma unroll 1 // or registers do not suffice
        for (int t = 0; t < CHUNK / 16; t++) {
            unsigned v[4];
            load_values(v, t);
#pragma unroll
            for (int n = 0; n < KEY_DIM / 16; n++) {
                unsigned b[4];
                load_matrices_transposed(b, chunks_on<KEY_CHUNKS>(keys + t * 16 * KEY_DIM * 2 + by_token, 2 * n));
                multiply_add(s[2 * n], v, b[0], b[1]);
                multiply_add(s[2 * n + 1], v, b[2], b[3]);
            }
        }
    }
#pragma unroll
    for (int j = 0; j < KEY_DIM / 8; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) state[(8 * j + lane % 4 * 2 + e % 2) * VALUE_DIM + first_col + e / 2 * 8] = to_state(s[j][e]);
    }
}
