// The gated delta rule from chunk to chunk (gated_delta_chunks.cuh) by mma.sync. A warp has 16 columns of S in fp32 in registers. It
// computes with transposes: S^T, in the layout of an mma's result, is directly the next mma's left operand, and so are V^T and U^T;
// operands from shared memory are right operands.
// Compile-time: KEY_DIM (a multiple of 16, at most 128), VALUE_DIM (a multiple of 16 WARPS), WARPS, STAGES (chunks in shared memory: 1 or 2).
#include "gated_delta_chunks.cuh"
#include "launch.cuh"

constexpr int KEY_CHUNKS = KEY_DIM / 8; // 16-byte pieces of a row
constexpr int TILE_BYTES = CHUNK * KEY_DIM * 2;
constexpr int THREADS = WARPS * 32;
constexpr int COLS = WARPS * 16; // of S, that a block has
constexpr int VALUE_BYTES = CHUNK * COLS * 2;
constexpr int STAGE_BYTES = 2 * TILE_BYTES + VALUE_BYTES + (int)sizeof(Factors) / 128 * 128 + 128;

// Rows of c, in the layout of an mma's result, are the rows of a of the next.
template <int N> __device__ __forceinline__ void to_operand(unsigned (&a)[N][4], const float (&c)[2 * N][4]) {
#pragma unroll
    for (int k = 0; k < N; k++) {
        a[k][0] = pack(c[2 * k][0], c[2 * k][1]);
        a[k][1] = pack(c[2 * k][2], c[2 * k][3]);
        a[k][2] = pack(c[2 * k + 1][0], c[2 * k + 1][1]);
        a[k][3] = pack(c[2 * k + 1][2], c[2 * k + 1][3]);
    }
}

// Grid: (VALUE_DIM / COLS, value heads of all tracks, sequences); THREADS; shared memory STAGES * STAGE_BYTES.
// sequences: the number of each, and the number of its first chunk among all.
extern "C" __global__ void __launch_bounds__(THREADS)
    gated_delta_chunks(const GatedDelta d, const int2* sequences, const Factors* factors) {
    wait_for_kernels_before();
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
            copy_rows<THREADS, KEY_CHUNKS>(to, d.key(track, first, key_head), d.qkv_cols, count);
            copy_rows<THREADS, KEY_CHUNKS>(to + TILE_BYTES, d.query(track, first, key_head), d.qkv_cols, count);
            copy_rows<THREADS, COLS / 8>(to + 2 * TILE_BYTES, d.value(track, first, head) + blockIdx.x * COLS, d.qkv_cols, count);
            copy_bytes<THREADS, (int)sizeof(Factors)>(to + 2 * TILE_BYTES + VALUE_BYTES, own + (long long)chunk * gridDim.y);
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
        scale_columns(x, f.of_known);
        scale_columns(out, f.of_seen);
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

        scale_columns(u, f.of_added);
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
