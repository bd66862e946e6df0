// Gated delta rule (arXiv 2412.06464; the recurrence in gated_delta.cu) over chunks of 64 tokens on the tensor cores. With G_t the sum of a
// chunk's g up to its token t, S the state before the chunk, keys and queries of length 1 (arXiv 2406.06484, section 3: UT transform):
//     A_ts = beta_t e^(G_t - G_s) k_t . k_s for s < t        T = (I + A)^-1 diag(beta)
//     U = T (V - diag(e^G) K S)                               what tokens add to the state, but for their keys
//     out = diag(e^G) Q S + P U, P_ts = e^(G_t - G_s) q_t . k_s for s <= t
//     S = e^G_last S + sum over t of e^(G_last - G_t) k_t u_t^T
// No exponent is above 0. delta_factors computes what does not need S, for all chunks at once: T, P and the factors of rows; keys and queries
// stay as they are, their lengths are in the factors. gated_delta_chunks goes from chunk to chunk; a warp has 16 columns of S in fp32 in
// registers. It works on transposes: S^T, as an mma leaves it, is the next mma's left operand without a detour, and so are V^T and U^T;
// what comes from shared memory is the right operand. Operands are bf16, sums fp32; A and its inverse are fp32.
// Where a sequence ends within a chunk, the rest are tokens of zeros, with beta 0 and g 0: they change nothing.
// Compile-time: KEY_DIM, VALUE_DIM (multiples of 16; KEY_DIM at most 128), WARPS (VALUE_DIM is a multiple of 16 WARPS), STAGES (chunks in
// shared memory: 1 or 2).
#include "gated_delta.cuh"
#include "mma.cuh"

constexpr int CHUNK = 64;
constexpr int KEY_CHUNKS = KEY_DIM / 8; // 16-byte pieces of a row
constexpr int TILE_BYTES = CHUNK * KEY_DIM * 2;
constexpr int FACTOR_THREADS = 128;
constexpr float LEAST_LOG_DECAY = -100.0f; // e^-100 is 0 in bf16; sums of 64 such numbers stay precise

// Of a chunk and a value head. T and P are swizzled as in shared memory; their parts above the diagonal blocks of 16 x 16 are not written.
struct Factors {
    unsigned char inverse[CHUNK * CHUNK * 2]; // T, bf16
    unsigned char mix[CHUNK * CHUNK * 2];     // P, bf16
    float of_known[CHUNK];                    // e^G_t / |k_t|
    float of_seen[CHUNK];                     // e^G_t / |q_t| / sqrt(KEY_DIM)
    float of_added[CHUNK];                    // e^(G_last - G_t) / |k_t|
    float kept[4];                            // e^G_last, three times nothing
};

__device__ __forceinline__ unsigned in_square(int row, int col) {
    return swizzled<CHUNK / 8>(row, col / 8) + col % 8 * 2;
}

// Rows of 16-byte pieces to a tile of CHUNK rows, zeros from row count on.
template <int PIECES> __device__ __forceinline__ void copy_rows(unsigned to, const bf16* from, int stride, int count, int threads) {
    for (int i = threadIdx.x; i < CHUNK * PIECES; i += threads) {
        const int row = i / PIECES, piece = i % PIECES;
        copy_async(to + swizzled<PIECES>(row, piece), from + (row < count ? (long long)row * stride : 0) + piece * 8,
                   row < count ? 16 : 0);
    }
}

constexpr int MATRIX_ROW = CHUNK + 8; // floats; the 8 spread rows over banks
constexpr int HEADS_AT_ONCE = FACTOR_THREADS / CHUNK;

// A row of A, or of its inverse once that is known.
struct Matrix {
    float at[CHUNK][MATRIX_ROW];
};

// Columns of (I + A)^-1, one a thread, by forward substitution in blocks of 16 rows. A's rows give way to the inverse's.
// done(row, x): what the thread's column has there.
template <typename Done> __device__ __forceinline__ void invert(Matrix& a, int col, Done done) {
    for (int block = 0; block < CHUNK; block += 16) {
        float x[16];
#pragma unroll
        for (int r = 0; r < 16; r++) x[r] = block + r == col ? 1.0f : 0.0f;
        for (int s = 0; s < block; s += 4) {
            const float x0 = a.at[s][col], x1 = a.at[s + 1][col], x2 = a.at[s + 2][col], x3 = a.at[s + 3][col];
#pragma unroll
            for (int r = 0; r < 16; r++) {
                const float4 row = *reinterpret_cast<const float4*>(&a.at[block + r][s]);
                x[r] -= row.x * x0 + row.y * x1 + (row.z * x2 + row.w * x3);
            }
        }
#pragma unroll
        for (int r = 1; r < 16; r++) {
            float row[16];
#pragma unroll
            for (int s = 0; s < r; s += 4) *reinterpret_cast<float4*>(row + s) = *reinterpret_cast<const float4*>(&a.at[block + r][block + s]);
#pragma unroll
            for (int s = 0; s < r; s++) x[r] -= row[s] * x[s];
        }
        __syncthreads(); // all have read these rows of A
#pragma unroll
        for (int r = 0; r < 16; r++) {
            a.at[block + r][col] = x[r];
            done(block + r, x[r]);
        }
    }
}

// Grid: (chunks, pairs of value heads that share a key head, of all tracks); FACTOR_THREADS. chunks: which sequence, which chunk of it.
extern "C" __global__ void __launch_bounds__(FACTOR_THREADS)
    delta_factors(const GatedDelta d, const int2* chunks, Factors* factors) {
    __shared__ __align__(128) unsigned char tiles[2 * TILE_BYTES > HEADS_AT_ONCE * sizeof(Matrix) ? 2 * TILE_BYTES
                                                                                        : HEADS_AT_ONCE * sizeof(Matrix)];
    __shared__ float lengths[2][CHUNK], of_half[HEADS_AT_ONCE], sums[HEADS_AT_ONCE][CHUNK], betas[HEADS_AT_ONCE][CHUNK];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, half = threadIdx.x / CHUNK, i = threadIdx.x % CHUNK;
    const int sequence = chunks[blockIdx.x].x, first = d.query_starts[sequence] + chunks[blockIdx.x].y * CHUNK;
    const int count = min(CHUNK, d.query_starts[sequence + 1] - first);
    const int ratio = d.value_heads / d.key_heads, pairs = (ratio + HEADS_AT_ONCE - 1) / HEADS_AT_ONCE;
    const int tracks = gridDim.y / (pairs * d.key_heads), track = blockIdx.y / (pairs * d.key_heads);
    const int key_head = blockIdx.y / pairs % d.key_heads;
    const int first_head = key_head * ratio + blockIdx.y % pairs * HEADS_AT_ONCE;
    const int heads = min(HEADS_AT_ONCE, ratio - blockIdx.y % pairs * HEADS_AT_ONCE);
    const unsigned keys = shared_address(tiles), queries = keys + TILE_BYTES;
    copy_rows<KEY_CHUNKS>(keys, d.key(track, first, key_head), d.qkv_cols, count, FACTOR_THREADS);
    copy_rows<KEY_CHUNKS>(queries, d.query(track, first, key_head), d.qkv_cols, count, FACTOR_THREADS);
    commit_copies();
    wait_copies<0>();
    __syncthreads();

    float squares = 0;
    for (int piece = 0; piece < KEY_CHUNKS; piece++) {
        const uint4 x = *reinterpret_cast<const uint4*>(tiles + half * TILE_BYTES + swizzled<KEY_CHUNKS>(i, piece));
        const unsigned pairs[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
        for (int e = 0; e < 4; e++) squares += low_float(pairs[e]) * low_float(pairs[e]) + high_float(pairs[e]) * high_float(pairs[e]);
    }
    lengths[half][i] = half == 0 ? key_factor(squares) : query_factor(squares);

    // Rows 16 * warp on of K K^T and Q K^T, the columns up to the diagonal.
    float kk[CHUNK / 8][4] = {}, qk[CHUNK / 8][4] = {};
    const unsigned left = swizzled<KEY_CHUNKS>(16 * warp + lane % 16, lane / 16);
    const unsigned right = swizzled<KEY_CHUNKS>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
#pragma unroll
    for (int k = 0; k < KEY_DIM / 16; k++) {
        unsigned key[4], query[4];
        load_matrices(key, chunks_on<KEY_CHUNKS>(keys + left, 2 * k));
        load_matrices(query, chunks_on<KEY_CHUNKS>(queries + left, 2 * k));
#pragma unroll
        for (int n = 0; n < CHUNK / 16; n++) {
            if (n > warp) break;
            unsigned b[4];
            load_matrices(b, chunks_on<KEY_CHUNKS>(keys + n * 16 * KEY_DIM * 2 + right, 2 * k));
            multiply_add(kk[2 * n], key, b[0], b[1]);
            multiply_add(kk[2 * n + 1], key, b[2], b[3]);
            multiply_add(qk[2 * n], query, b[0], b[1]);
            multiply_add(qk[2 * n + 1], query, b[2], b[3]);
        }
    }

    const int head = first_head + min(half, heads - 1); // without a second head, the other half does the first one's again, unseen
    const bool has_head = half < heads;
    Factors* of_heads = factors + ((long long)blockIdx.x * tracks + track) * d.value_heads + first_head;
    Factors& own = of_heads[min(half, heads - 1)];
    const float beta = i < count ? d.beta(track, first + i, head) : 0.0f;
    float sum = i < count ? fmaxf(d.log_decay(track, first + i, head), LEAST_LOG_DECAY) : 0.0f;
    for (int l = 1; l < 32; l *= 2) {
        const float before = __shfl_up_sync(~0u, sum, l);
        sum += lane >= l ? before : 0.0f;
    }
    if (i == 31) of_half[half] = sum;
    __syncthreads();
    if (i >= 32) sum += of_half[half];
    betas[half][i] = beta;
    sums[half][i] = sum;
    __syncthreads(); // also: the tiles are read no more
    if (has_head) {
        const float last = sums[half][CHUNK - 1];
        own.of_known[i] = expf(sum) * lengths[0][i];
        own.of_seen[i] = expf(sum) * lengths[1][i];
        own.of_added[i] = expf(last - sum) * lengths[0][i];
        if (i == 0) own.kept[0] = expf(last);
    }
    Matrix* matrices = reinterpret_cast<Matrix*>(tiles);
#pragma unroll
    for (int h = 0; h < HEADS_AT_ONCE; h++) {
        if (h >= heads) break;
#pragma unroll
        for (int r = 0; r < 2; r++) {
            const int row = 16 * warp + lane / 4 + 8 * r;
            const float sum_row = sums[h][row], key = betas[h][row] * lengths[0][row], query = lengths[1][row];
#pragma unroll
            for (int j = 0; j < CHUNK / 8; j++) {
                if (j >= 2 * (warp + 1)) break;
                float a[2], p[2];
                const int col = 8 * j + lane % 4 * 2;
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    const float weight = col + e <= row ? expf(sum_row - sums[h][col + e]) * lengths[0][col + e] : 0.0f;
                    a[e] = col + e < row ? key * weight * kk[j][2 * r + e] : 0.0f;
                    p[e] = query * weight * qk[j][2 * r + e];
                }
                *reinterpret_cast<float2*>(&matrices[h].at[row][col]) = make_float2(a[0], a[1]);
                *reinterpret_cast<unsigned*>(of_heads[h].mix + in_square(row, col)) = pack(p[0], p[1]);
            }
        }
    }
    __syncthreads();
    invert(matrices[has_head ? half : 0], i, [&](int row, float x) {
        if (has_head && row / 16 >= i / 16) *reinterpret_cast<bf16*>(own.inverse + in_square(row, i)) = to_bf16(x * beta);
    });
}

constexpr int THREADS = WARPS * 32;
constexpr int COLS = WARPS * 16; // of S, that a block has
constexpr int VALUE_BYTES = CHUNK * COLS * 2;
constexpr int STAGE_BYTES = 2 * TILE_BYTES + VALUE_BYTES + (int)sizeof(Factors) / 128 * 128 + 128;

// Rows of c, from an mma, are the rows of a of the next.
template <int N> __device__ __forceinline__ void to_operand(unsigned (&a)[N][4], const float (&c)[2 * N][4]) {
#pragma unroll
    for (int k = 0; k < N; k++) {
        a[k][0] = pack(c[2 * k][0], c[2 * k][1]);
        a[k][1] = pack(c[2 * k][2], c[2 * k][3]);
        a[k][2] = pack(c[2 * k + 1][0], c[2 * k + 1][1]);
        a[k][3] = pack(c[2 * k + 1][2], c[2 * k + 1][3]);
    }
}

// c[t] += sum over s <= t of a[s] square[t][s]: the blocks of 16 x 16 up to the diagonal.
__device__ __forceinline__ void multiply_lower(float (&c)[CHUNK / 8][4], const unsigned (&a)[CHUNK / 16][4], unsigned square) {
#pragma unroll
    for (int t = 0; t < CHUNK / 16; t++) {
#pragma unroll
        for (int s = 0; s <= t; s++) {
            unsigned b[4];
            load_matrices(b, chunks_on<CHUNK / 8>(square + t * 16 * CHUNK * 2, 2 * s));
            multiply_add(c[2 * t], a[s], b[0], b[1]);
            multiply_add(c[2 * t + 1], a[s], b[2], b[3]);
        }
    }
}

// c's columns times factors, one a token.
__device__ __forceinline__ void scale_tokens(float (&c)[CHUNK / 8][4], const float* factors) {
#pragma unroll
    for (int j = 0; j < CHUNK / 8; j++) {
        const float2 factor = *reinterpret_cast<const float2*>(factors + 8 * j + threadIdx.x % 4 * 2);
#pragma unroll
        for (int e = 0; e < 4; e++) c[j][e] *= e % 2 ? factor.y : factor.x;
    }
}

// Grid: (VALUE_DIM / COLS, value heads of all tracks, sequences); THREADS; shared memory STAGES * STAGE_BYTES.
// sequences: which, and the number of its first chunk among all.
extern "C" __global__ void __launch_bounds__(THREADS)
    gated_delta_chunks(const GatedDelta d, const int2* sequences, const Factors* factors) {
    extern __shared__ __align__(128) unsigned char shared[];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int sequence = sequences[blockIdx.z].x, begin = d.query_starts[sequence], end = d.query_starts[sequence + 1];
    const int chunks = (end - begin + CHUNK - 1) / CHUNK;
    const int track = blockIdx.y / d.value_heads, head = blockIdx.y % d.value_heads;
    const int key_head = head / (d.value_heads / d.key_heads);
    const Factors* own = factors + (long long)sequences[blockIdx.z].y * gridDim.y + blockIdx.y;

    auto copy_chunk = [&](int chunk) {
        if (chunk < chunks) {
            const int first = begin + chunk * CHUNK, count = min(CHUNK, end - first);
            const unsigned to = shared_address(shared) + chunk % STAGES * STAGE_BYTES;
            copy_rows<KEY_CHUNKS>(to, d.key(track, first, key_head), d.qkv_cols, count, THREADS);
            copy_rows<COLS / 8>(to + 2 * TILE_BYTES, d.value(track, first, head) + blockIdx.x * COLS, d.qkv_cols, count, THREADS);
            const unsigned char* from = reinterpret_cast<const unsigned char*>(own + (long long)chunk * gridDim.y);
            for (int i = threadIdx.x; i < (int)sizeof(Factors) / 16; i += THREADS) {
                copy_async(to + 2 * TILE_BYTES + VALUE_BYTES + i * 16, from + i * 16, 16);
            }
            copy_rows<KEY_CHUNKS>(to + TILE_BYTES, d.query(track, first, key_head), d.qkv_cols, count, THREADS);
        }
        commit_copies();
    };
    copy_chunk(0);

    // s[j][2 * r + e]: column first_col + 8 * r, row 8 * j + lane % 4 * 2 + e of S.
    const int first_col = blockIdx.x * COLS + warp * 16 + lane / 4;
    StateElement* state = d.states.of(track, sequence) + (long long)head * KEY_DIM * VALUE_DIM;
    float s[KEY_DIM / 8][4];
#pragma unroll
    for (int j = 0; j < KEY_DIM / 8; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
            s[j][e] = d.states.begins(sequence) ? 0.0f : from_state(state[(8 * j + lane % 4 * 2 + e % 2) * VALUE_DIM + first_col + e / 2 * 8]);
        }
    }

    const unsigned by_row = swizzled<KEY_CHUNKS>(lane % 8 + lane / 16 * 8, lane / 8 % 2);   // sums along rows of keys and queries
    const unsigned by_token = swizzled<KEY_CHUNKS>(lane % 16, lane / 16);                    // sums over tokens
    const unsigned square = swizzled<CHUNK / 8>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    for (int chunk = 0; chunk < chunks; chunk++) {
        if (STAGES > 1) copy_chunk(chunk + 1);
        wait_copies<STAGES - 1>();
        __syncthreads();
        const unsigned char* stage = shared + chunk % STAGES * STAGE_BYTES;
        const unsigned keys = shared_address(stage), queries = keys + TILE_BYTES, values = queries + TILE_BYTES;
        const Factors& f = *reinterpret_cast<const Factors*>(stage + 2 * TILE_BYTES + VALUE_BYTES);

        float x[CHUNK / 8][4] = {}, out[CHUNK / 8][4] = {};
        {
            unsigned a[KEY_DIM / 16][4];
            to_operand(a, s);
#pragma unroll
            for (int k = 0; k < KEY_DIM / 16; k++) {
#pragma unroll
                for (int n = 0; n < CHUNK / 16; n++) {
                    unsigned b[4];
                    load_matrices(b, chunks_on<KEY_CHUNKS>(keys + n * 16 * KEY_DIM * 2 + by_row, 2 * k));
                    multiply_add(x[2 * n], a[k], b[0], b[1]);
                    multiply_add(x[2 * n + 1], a[k], b[2], b[3]);
                    load_matrices(b, chunks_on<KEY_CHUNKS>(queries + n * 16 * KEY_DIM * 2 + by_row, 2 * k));
                    multiply_add(out[2 * n], a[k], b[0], b[1]);
                    multiply_add(out[2 * n + 1], a[k], b[2], b[3]);
                }
            }
        }
        scale_tokens(x, f.of_known);
        scale_tokens(out, f.of_seen);
#pragma unroll
        for (int n = 0; n < CHUNK / 16; n++) {
            unsigned v[4];
            load_matrices_transposed(v, values + swizzled<COLS / 8>(16 * n + lane % 8 + lane / 16 * 8, 2 * warp + lane / 8 % 2));
#pragma unroll
            for (int e = 0; e < 4; e++) {
                float* of = x[2 * n + e / 2] + e % 2 * 2;
                of[0] = low_float(v[e]) - of[0];
                of[1] = high_float(v[e]) - of[1];
            }
        }
        float u[CHUNK / 8][4] = {};
        unsigned operand[CHUNK / 16][4];
        to_operand(operand, x);
        multiply_lower(u, operand, shared_address(f.inverse) + square);
        to_operand(operand, u);
        multiply_lower(out, operand, shared_address(f.mix) + square);

        scale_tokens(u, f.of_added);
        to_operand(operand, u);
        const float kept = f.kept[0];
#pragma unroll
        for (int n = 0; n < KEY_DIM / 16; n++) {
#pragma unroll
            for (int e = 0; e < 8; e++) s[2 * n + e / 4][e % 4] *= kept;
#pragma unroll
            for (int t = 0; t < CHUNK / 16; t++) {
                unsigned b[4];
                load_matrices_transposed(b, chunks_on<KEY_CHUNKS>(keys + t * 16 * KEY_DIM * 2 + by_token, 2 * n));
                multiply_add(s[2 * n], operand[t], b[0], b[1]);
                multiply_add(s[2 * n + 1], operand[t], b[2], b[3]);
            }
        }

        const int first = begin + chunk * CHUNK;
#pragma unroll
        for (int j = 0; j < CHUNK / 8; j++) {
            const int token = first + 8 * j + lane / 4;
#pragma unroll
            for (int r = 0; r < 2; r++) {
                const unsigned pair = transposed(pack(out[j][2 * r], out[j][2 * r + 1]));
                if (token < end) {
                    *reinterpret_cast<unsigned*>(d.output(track, token, head) + blockIdx.x * COLS + warp * 16 + 8 * r + lane % 4 * 2) = pair;
                }
            }
        }
        __syncthreads(); // the stage is filled next
        if (STAGES == 1) copy_chunk(chunk + 1);
    }
#pragma unroll
    for (int j = 0; j < KEY_DIM / 8; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) state[(8 * j + lane % 4 * 2 + e % 2) * VALUE_DIM + first_col + e / 2 * 8] = to_state(s[j][e]);
    }
}
