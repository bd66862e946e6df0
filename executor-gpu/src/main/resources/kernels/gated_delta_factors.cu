// Computes the terms of the gated delta rule's chunks that do not need the state: Factors in gated_delta_chunks.cuh. A block computes a
// chunk of two value heads that share their keys and queries. mma computes K K^T and Q K^T, 16 rows per warp; the inverse is forward
// substitution in fp32, a column per thread.
// Bytes: keys and queries once for every two value heads; 17 KB of factors written per value head.
// Compile-time: KEY_DIM (a multiple of 16, at most 128), VALUE_DIM.
#include "gated_delta_chunks.cuh"
#include "launch.cuh"

constexpr int KEY_CHUNKS = KEY_DIM / 8; // 16-byte pieces of a row
constexpr int TILE_BYTES = CHUNK * KEY_DIM * 2;
constexpr int FACTOR_THREADS = 128;
constexpr float LEAST_LOG_DECAY = -100.0f; // e^-100 is 0 in bf16; sums of 64 such numbers stay precise

constexpr int MATRIX_ROW = CHUNK + 8; // floats; the 8 spread rows over banks
constexpr int HEADS_AT_ONCE = FACTOR_THREADS / CHUNK;

// A row of A, or of its inverse once that is known.
struct Matrix {
    float at[CHUNK][MATRIX_ROW];
};

// Columns of (I + A)^-1, one per thread, by forward substitution in blocks of 16 rows. The inverse's rows replace A's. done(row, x): x is
// the element of the thread's column in this row.
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

// Grid: (chunks, pairs of value heads that share a key head, of all tracks); FACTOR_THREADS. chunks: the sequence, and the number of its
// chunk.
extern "C" __global__ void __launch_bounds__(FACTOR_THREADS)
    delta_factors(const GatedDelta d, const int2* chunks, Factors* factors) {
    wait_for_kernels_before();
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
    copy_rows<FACTOR_THREADS, KEY_CHUNKS>(keys, d.key(track, first, key_head), d.qkv_cols, count);
    copy_rows<FACTOR_THREADS, KEY_CHUNKS>(queries, d.query(track, first, key_head), d.qkv_cols, count);
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
