// The gated delta rule from chunk to chunk (gated_delta_chunks.cuh) with Hopper's wgmma (sm_90a). A warpgroup has 64 columns of S in fp32
// in registers. It computes with transposes: S^T, in the layout of a wgmma's result, is directly the next one's left operand, and so are
// V^T and U^T; operands from shared memory are right operands. All threads copy, STAGES - 1 chunks ahead, so a chunk takes one barrier.
// Matmuls that do not depend on one another run while operands are made.
// Compile-time: KEY_DIM (64 or 128), VALUE_DIM (a multiple of 64 WARPGROUPS), WARPGROUPS.
#include "gated_delta_chunks.cuh"
#include "hopper.cuh"
#include "launch.cuh"

constexpr int KEY_CHUNKS = KEY_DIM / 8; // 16-byte pieces of a row
constexpr int STAGES = 3; // chunks in shared memory
constexpr int THREADS = WARPGROUPS * 128;
constexpr int COLS = WARPGROUPS * 64; // of S, that a block has
constexpr int TILE_BYTES = CHUNK * KEY_DIM * 2;
constexpr int VALUE_BYTES = CHUNK * COLS * 2;
constexpr int FACTOR_BYTES = ((int)sizeof(Factors) + 1023) / 1024 * 1024;
constexpr int STAGE_BYTES = 2 * TILE_BYTES + VALUE_BYTES + FACTOR_BYTES;

// d, in the layout of a wgmma's result, is the left operand of the next.
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

// Multiplies d's columns by factors, one per token.
__device__ __forceinline__ void scale_tokens(float (&d)[CHUNK / 2], const float* factors) {
#pragma unroll
    for (int j = 0; j < CHUNK / 8; j++) {
        const float2 factor = *reinterpret_cast<const float2*>(factors + 8 * j + threadIdx.x % 4 * 2);
#pragma unroll
        for (int e = 0; e < 4; e++) d[4 * j + e] *= e % 2 ? factor.y : factor.x;
    }
}

// Grid: (VALUE_DIM / COLS, value heads of all tracks, sequences); THREADS; shared memory STAGES * STAGE_BYTES + 1024.
// sequences: the number of each, and the number of its first chunk among all.
extern "C" __global__ void __launch_bounds__(THREADS, 1)
    gated_delta_chunks(const GatedDelta d, const int2* sequences, const Factors* factors) {
    wait_for_kernels_before();
    extern __shared__ __align__(128) unsigned char shared[];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int sequence = sequences[blockIdx.z].x, begin = d.query_starts[sequence], end = d.query_starts[sequence + 1];
    const int chunks = (end - begin + CHUNK - 1) / CHUNK;
    const int track = blockIdx.y / d.value_heads, head = blockIdx.y % d.value_heads;
    const int key_head = head / (d.value_heads / d.key_heads);
    const Factors* own = factors + (long long)sequences[blockIdx.z].y * gridDim.y + blockIdx.y;
    const unsigned stages = (shared_address(shared) + 1023) / 1024 * 1024;

    auto copy_chunk = [&](int chunk) {
        if (chunk < chunks) {
            const int first = begin + chunk * CHUNK, count = min(CHUNK, end - first);
            const unsigned to = stages + chunk % STAGES * STAGE_BYTES;
            auto place = [](int row, int piece) { return swizzled_128(CHUNK, row, piece); };
            copy_rows<THREADS, KEY_CHUNKS>(to, d.key(track, first, key_head), d.qkv_cols, count, place);
            copy_rows<THREADS, KEY_CHUNKS>(to + TILE_BYTES, d.query(track, first, key_head), d.qkv_cols, count, place);
            copy_bytes<THREADS, (int)sizeof(Factors)>(to + 2 * TILE_BYTES, own + (long long)chunk * gridDim.y);
            const unsigned values = to + 2 * TILE_BYTES + FACTOR_BYTES;
            copy_rows<THREADS, COLS / 8>(values, d.value(track, first, head) + blockIdx.x * COLS, d.qkv_cols, count, place);
        }
        commit_copies();
    };
#pragma unroll
    for (int chunk = 0; chunk < STAGES - 1; chunk++) copy_chunk(chunk);

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
        wait_copies<STAGES - 2>();
        fence_async_proxy();
        __syncthreads(); // the chunk is there for all, and all are done with the one before, whose stage is filled next
        const int offset = chunk % STAGES * STAGE_BYTES;
        const unsigned keys = stages + offset, queries = keys + TILE_BYTES, values = queries + TILE_BYTES + FACTOR_BYTES;
        const Factors& f = *reinterpret_cast<const Factors*>(shared + (queries + TILE_BYTES - shared_address(shared)));

        float x[CHUNK / 2], out[CHUNK / 2], u[CHUNK / 2];
        unsigned of_state[KEY_DIM / 16][4], operand[CHUNK / 16][4], added[CHUNK / 16][4];
        to_operand(of_state, s);
        multiply_rows<false>(x, of_state, keys);
        multiply_rows<false>(out, of_state, queries);
        copy_chunk(chunk + STAGES - 1);
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
        multiply_rows<false>(u, operand, keys + 2 * TILE_BYTES);
        wgmma_wait<1>(out);
        scale_tokens(out, f.of_seen);
        wgmma_wait<0>(u);
        to_operand(operand, u);
        multiply_rows<true>(out, operand, keys + 2 * TILE_BYTES + (int)sizeof(f.inverse));
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
