// The gated delta rule from chunk to chunk (gated_delta_chunks.cuh) with Hopper's wgmma (sm_90a). A block is a warpgroup and has 64 columns of S in
// fp32 in registers. It works on transposes: S^T, as a wgmma leaves it, is the next one's left operand without a detour, and so are V^T and
// U^T; what comes from shared memory is the right operand. One product waits for the other, so two blocks share a multiprocessor: that is what
// shared memory is cut for. Keys and factors of the next chunk have a place of their own; queries and values, which are done with in
// the middle of a chunk, give theirs to the next.
// Compile-time: KEY_DIM (64 or 128), VALUE_DIM (a multiple of 64).
#include "gated_delta_chunks.cuh"
#include "hopper.cuh"

constexpr int KEY_CHUNKS = KEY_DIM / 8; // 16-byte pieces of a row
constexpr int THREADS = 128;
constexpr int COLS = 64; // of S, that a block has
constexpr int TILE_BYTES = CHUNK * KEY_DIM * 2;
constexpr int FACTOR_BYTES = ((int)sizeof(Factors) + 1023) / 1024 * 1024;
constexpr int STAGE_BYTES = TILE_BYTES + FACTOR_BYTES; // keys and factors; dynamic shared memory: two stages, queries, values, 1024

// d, as a wgmma leaves it, is the left operand of the next.
template <int N> __device__ __forceinline__ void to_operand(unsigned (&a)[N][4], const float (&d)[8 * N]) {
#pragma unroll
    for (int i = 0; i < 4 * N; i++) a[i / 4][i % 4] = pack(d[2 * i], d[2 * i + 1]);
}

// Issues d = a b or d += a b, b's columns are rows of a tile: sums along CHUNK rows of 16 * N numbers.
template <bool ADD, int N> __device__ __forceinline__ void multiply_rows(float (&d)[CHUNK / 2], const unsigned (&a)[N][4], unsigned tile) {
    wgmma_fence();
    if constexpr (ADD) {
        wgmma<true, false>(d, a[0], matrix_descriptor(tile, 0));
    } else {
        wgmma<false, false>(d, a[0], matrix_descriptor(tile, 0));
    }
#pragma unroll
    for (int i = 1; i < N; i++) {
        wgmma<true, false>(d, a[i], matrix_descriptor(tile, 0) + swizzled_128(CHUNK, 0, 2 * i) / 16);
    }
    wgmma_commit();
}

// d's columns times factors, one a token.
__device__ __forceinline__ void scale_tokens(float (&d)[CHUNK / 2], const float* factors) {
#pragma unroll
    for (int j = 0; j < CHUNK / 8; j++) {
        const float2 factor = *reinterpret_cast<const float2*>(factors + 8 * j + threadIdx.x % 4 * 2);
#pragma unroll
        for (int e = 0; e < 4; e++) d[4 * j + e] *= e % 2 ? factor.y : factor.x;
    }
}

// Grid: (VALUE_DIM / COLS, value heads of all tracks, sequences); THREADS.
// sequences: which, and the number of its first chunk among all.
extern "C" __global__ void __launch_bounds__(THREADS, 2)
    gated_delta_chunks(const GatedDelta d, const int2* sequences, const Factors* factors) {
    extern __shared__ __align__(128) unsigned char shared[];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int sequence = sequences[blockIdx.z].x, begin = d.query_starts[sequence], end = d.query_starts[sequence + 1];
    const int chunks = (end - begin + CHUNK - 1) / CHUNK;
    const int track = blockIdx.y / d.value_heads, head = blockIdx.y % d.value_heads;
    const int key_head = head / (d.value_heads / d.key_heads);
    const Factors* own = factors + (long long)sequences[blockIdx.z].y * gridDim.y + blockIdx.y;
    const unsigned stages = (shared_address(shared) + 1023) / 1024 * 1024;
    const unsigned queries = stages + 2 * STAGE_BYTES, values = queries + TILE_BYTES;

    auto place = [](int row, int piece) { return swizzled_128(CHUNK, row, piece); };
    auto copy_keys = [&](int chunk) {
        if (chunk < chunks) {
            const int first = begin + chunk * CHUNK, count = min(CHUNK, end - first);
            const unsigned to = stages + chunk % 2 * STAGE_BYTES;
            copy_rows<THREADS, KEY_CHUNKS>(to, d.key(track, first, key_head), d.qkv_cols, count, place);
            copy_factors<THREADS>(to + TILE_BYTES, own + (long long)chunk * gridDim.y);
        }
        commit_copies();
    };
    auto copy_queries = [&](int chunk) {
        if (chunk < chunks) {
            const int first = begin + chunk * CHUNK, count = min(CHUNK, end - first);
            copy_rows<THREADS, KEY_CHUNKS>(queries, d.query(track, first, key_head), d.qkv_cols, count, place);
            copy_rows<THREADS, COLS / 8>(values, d.value(track, first, head) + blockIdx.x * COLS, d.qkv_cols, count, place);
        }
        commit_copies();
    };
    copy_keys(0);
    copy_queries(0);

    // s[4 * j + 2 * r + e]: column first_col + 8 * r, row 8 * j + lane % 4 * 2 + e of S.
    const int warp_col = blockIdx.x * COLS + warp * 16, first_col = warp_col + lane / 4;
    StateElement* state = d.states.of(track, sequence) + (long long)head * KEY_DIM * VALUE_DIM;
    const bool begins = d.states.begins(sequence);
    float s[KEY_DIM / 2];
#pragma unroll
    for (int i = 0; i < KEY_DIM / 2; i++) {
        s[i] = begins ? 0.0f : from_state(state[(i / 4 * 8 + lane % 4 * 2 + i % 2) * VALUE_DIM + first_col + i / 2 % 2 * 8]);
    }

    for (int chunk = 0; chunk < chunks; chunk++) {
        wait_copies<0>();
        fence_async_proxy();
        __syncthreads(); // the chunk is there for all, and all are done with the one before, whose keys and factors give way
        const int offset = chunk % 2 * STAGE_BYTES;
        const unsigned keys = stages + offset, inverse = keys + TILE_BYTES, mix = inverse + (int)sizeof(Factors::inverse);
        const Factors& f = *reinterpret_cast<const Factors*>(shared + (inverse - shared_address(shared)));

        float x[CHUNK / 2], out[CHUNK / 2], u[CHUNK / 2];
        unsigned of_state[KEY_DIM / 16][4], operand[CHUNK / 16][4], added[CHUNK / 16][4];
        to_operand(of_state, s);
        multiply_rows<false>(x, of_state, keys);
        multiply_rows<false>(out, of_state, queries);
        copy_keys(chunk + 1);
        unsigned v[CHUNK / 16][4];
#pragma unroll
        for (int n = 0; n < CHUNK / 16; n++) {
            load_matrices_transposed(v[n], values + swizzled_128(CHUNK, 16 * n + lane % 8 + lane / 16 * 8, 2 * warp + lane / 8 % 2));
        }
        wgmma_wait<1>(x);
        scale_tokens(x, f.of_known);
#pragma unroll
        for (int i = 0; i < CHUNK / 4; i++) {
            x[2 * i] = low_float(v[i / 4][i % 4]) - x[2 * i];
            x[2 * i + 1] = high_float(v[i / 4][i % 4]) - x[2 * i + 1];
        }
        to_operand(operand, x);
        multiply_rows<false>(u, operand, inverse);
        wgmma_wait<1>(out);
        __syncthreads(); // all are done with queries and values
        copy_queries(chunk + 1);
        scale_tokens(out, f.of_seen);
        wgmma_wait<0>(u);
        to_operand(operand, u);
        multiply_rows<true>(out, operand, mix);
        scale_tokens(u, f.of_added);
        to_operand(added, u);
        const float kept = f.kept[0];
#pragma unroll
        for (int i = 0; i < KEY_DIM / 2; i++) s[i] *= kept;
        wgmma_fence();
#pragma unroll
        for (int i = 0; i < CHUNK / 16; i++) {
            wgmma<true, true>(s, added[i], matrix_descriptor(keys, CHUNK * 128) + i * 16 * 128 / 16);
        }
        wgmma_commit();
        wgmma_wait<1>(out);
        const int first = begin + chunk * CHUNK;
#pragma unroll
        for (int j = 0; j < CHUNK / 8; j++) {
            const int token = first + 8 * j + lane / 4;
#pragma unroll
            for (int r = 0; r < 2; r++) {
                const unsigned pair = transposed(pack(out[4 * j + 2 * r], out[4 * j + 2 * r + 1]));
                if (token < end) *reinterpret_cast<unsigned*>(d.output(track, token, head) + warp_col + 8 * r + lane % 4 * 2) = pair;
            }
        }
        wgmma_wait<0>(s);
    }
#pragma unroll
    for (int i = 0; i < KEY_DIM / 2; i++) {
        state[(i / 4 * 8 + lane % 4 * 2 + i % 2) * VALUE_DIM + first_col + i / 2 % 2 * 8] = to_state(s[i]);
    }
}
