// Mamba-2 of sequences with several tokens in the step, in chunks of 64 tokens on tensor cores (arXiv 2405.21060, sections 6 and 7; sm_80
// on). With a[i] = sum over k <= i in the chunk of -rate t[k], and S the state after the chunk before,
//
//   out[i] = sum over j <= i of (e^(a[i] - a[j]) t[j] C[i].B[j]) x[j] + e^(a[i]) S^T C[i] + skip x[i]
//   S      = e^(a[63]) S + sum over j of B[j] (e^(a[63] - a[j]) t[j] x[j])^T
//
// A block takes some columns of one head of one sequence through its chunks. S stays in registers, fp32, and is rounded to bf16 for
// multiplications, as are the weights in parentheses. A warp computes 16 of a chunk's tokens, and then rows of S.
//
// Operations of a chunk and a head: 64 * (2 * 64 * (STATE_SIZE + HEAD_DIM) + 4 * STATE_SIZE * HEAD_DIM), including those above the
// diagonal. Bytes: x and steps once, B and C once per head, mostly from L2; a state read and written.
// Grid: (SPLITS * heads, sequences, tracks); THREADS; SHARED_BYTES of dynamic shared memory. STATE_SIZE is a multiple of 64, HEAD_DIM of
// COLUMNS, COLUMNS of 16; cols is a multiple of 8.
#include "launch.cuh"
#include "mma.cuh"
#include "selective_scan.cuh"

constexpr int CHUNK = 64;
constexpr int WARPS = 4;
constexpr int THREADS = WARPS * 32;
constexpr int STATE_TILES = STATE_SIZE / 16 / WARPS; // tiles of 16 rows of S that a warp has
constexpr int COLUMN_TILES = COLUMNS / 8;
constexpr int STATE_CHUNKS = STATE_SIZE / 8; // 16-byte chunks of a row of B and C
constexpr int COLUMN_CHUNKS = COLUMNS / 8;
constexpr int IN_BYTES = CHUNK * STATE_SIZE * 2;
constexpr int X_BYTES = CHUNK * COLUMNS * 2;
constexpr int TILES_BYTES = 2 * IN_BYTES + X_BYTES; // of a chunk: B, C, x

// A token's decay is never below 2^-92: at that, nothing of the state is left, and sums of more negative exponents would lose the digits of
// others.
constexpr float LEAST_EXPONENT = -92;

__device__ __forceinline__ float2 load_pair(const StateElement* from) {
#if BF16_STATES
    const unsigned pair = *reinterpret_cast<const unsigned*>(from);
    return make_float2(low_float(pair), high_float(pair));
#else
    return *reinterpret_cast<const float2*>(from);
#endif
}

__device__ __forceinline__ void store_pair(StateElement* to, float low, float high) {
#if BF16_STATES
    *reinterpret_cast<unsigned*>(to) = pack(low, high);
#else
    *reinterpret_cast<float2*>(to) = make_float2(low, high);
#endif
}

// Some columns of the tokens of a chunk from first on, and zeros past the last.
template <int CHUNKS>
__device__ __forceinline__ void copy_rows(unsigned to, const bf16* from, int first, int tokens, int cols) {
#pragma unroll 4
    for (int k = 0; k < CHUNK * CHUNKS / THREADS; k++) {
        const int i = k * THREADS + threadIdx.x, row = i / CHUNKS, column = i % CHUNKS;
        const bool there = first + row < tokens;
        copy_async(to + swizzled<CHUNKS>(row, column), from + (there ? (long long)(first + row) * cols + column * 8 : 0),
            there ? 16 : 0);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) selective_scan_chunks(const Scan s) {
    wait_for_kernels_before();
    extern __shared__ __align__(128) unsigned char shared[];
    __shared__ __align__(8) float exponent[CHUNK], time[CHUNK]; // a in powers of two; t
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const ScanHead h = scan_head(s);
    if (h.tokens < 2) return; // selective_scan's

    const unsigned tiles = shared_address(shared), states = tiles + 2 * TILES_BYTES;
    auto copy_chunk = [&](int chunk) {
        const unsigned in = tiles + chunk % 2 * TILES_BYTES, read = in + IN_BYTES, x = read + IN_BYTES;
        copy_rows<STATE_CHUNKS>(in, h.in, chunk * CHUNK, h.tokens, s.cols);
        copy_rows<STATE_CHUNKS>(read, h.read, chunk * CHUNK, h.tokens, s.cols);
        copy_rows<COLUMN_CHUNKS>(x, h.x, chunk * CHUNK, h.tokens, s.cols);
        commit_copies();
    };
    // Lane l of the first warp has tokens 2 l and 2 l + 1 of a chunk.
    auto load_steps = [&](int chunk, bf16 (&steps)[2]) {
#pragma unroll
        for (int e = 0; e < 2; e++) {
            const int i = chunk * CHUNK + 2 * lane + e;
            steps[e] = i < h.tokens ? h.step[(long long)i * s.cols] : (bf16)0;
        }
    };
    auto sum_steps = [&](int chunk, const bf16 (&steps)[2]) {
        float times[2], exponents[2];
#pragma unroll
        for (int e = 0; e < 2; e++) {
            const bool there = chunk * CHUNK + 2 * lane + e < h.tokens; // one that is not adds nothing
            times[e] = there ? time_step(s, h, steps[e]) : 0.0f;
            exponents[e] = fmaxf(-h.rate * times[e] * LOG2_E, LEAST_EXPONENT);
        }
        float sum = exponents[0] + exponents[1];
#pragma unroll
        for (int step = 1; step < 32; step *= 2) {
            const float before = __shfl_up_sync(~0u, sum, step);
            if (lane >= step) sum += before;
        }
        *reinterpret_cast<float2*>(&exponent[2 * lane]) = make_float2(sum - exponents[1], sum);
        *reinterpret_cast<float2*>(&time[2 * lane]) = make_float2(times[0], times[1]);
    };

    copy_chunk(0);
    bf16 steps[2];
    if (warp == 0) {
        load_steps(0, steps);
        sum_steps(0, steps);
    }

    // As an mma's accumulators: rows row and row + 8 of a tile, columns pair and pair + 1.
    const int row = lane / 4, pair = lane % 4 * 2;
    float state[STATE_TILES][COLUMN_TILES][4];
    auto state_at = [&](int m, int n, int half) {
        return h.state + ((warp * STATE_TILES + m) * 16 + half * 8 + row) * HEAD_DIM + n * 8 + pair;
    };
#pragma unroll
    for (int m = 0; m < STATE_TILES; m++) {
#pragma unroll
        for (int n = 0; n < COLUMN_TILES; n++) {
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const float2 two = h.begins ? make_float2(0, 0) : load_pair(state_at(m, n, half));
                state[m][n][2 * half] = two.x;
                state[m][n][2 * half + 1] = two.y;
            }
        }
    }
    auto share_state = [&]() {
#pragma unroll
        for (int m = 0; m < STATE_TILES; m++) {
#pragma unroll
            for (int n = 0; n < COLUMN_TILES; n++) {
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const int of = (warp * STATE_TILES + m) * 16 + half * 8 + row;
                    *reinterpret_cast<unsigned*>(shared + 2 * TILES_BYTES + swizzled<COLUMN_CHUNKS>(of, n) + pair * 2) =
                        pack(state[m][n][2 * half], state[m][n][2 * half + 1]);
                }
            }
        }
    };
    share_state();

    // This lane's row and chunk of four 8 x 8 matrices, of rows along what is summed over and of rows that are summed over.
    const int along = lane % 16, along_chunk = lane / 16;
    const int across = lane % 8 + lane / 16 * 8, across_chunk = lane / 8 % 2;
    const unsigned read_at = swizzled<STATE_CHUNKS>(warp * 16 + along, along_chunk);
    const unsigned in_at = swizzled<STATE_CHUNKS>(across, across_chunk);
    const unsigned column_at = swizzled<COLUMN_CHUNKS>(along, along_chunk);
    const int chunks = (h.tokens + CHUNK - 1) / CHUNK;
    for (int chunk = 0; chunk < chunks; chunk++) {
        const unsigned in = tiles + chunk % 2 * TILES_BYTES, read = in + IN_BYTES, x = read + IN_BYTES;
        wait_copies<0>();
        __syncthreads(); // the chunk, its steps and the state are there, and all are done with the chunk before
        if (chunk + 1 < chunks) {
            copy_chunk(chunk + 1);
            if (warp == 0) load_steps(chunk + 1, steps);
        }

        const int token = warp * 16 + row; // and the one 8 on
        const float at[2] = {exponent[token], exponent[token + 8]};
        float products[CHUNK / 8][4] = {}; // C[i].B[j]; those of later tokens stay 0
#pragma unroll 4
        for (int k = 0; k < STATE_SIZE / 16; k++) {
            unsigned c[4], b[4];
            load_matrices(c, chunks_on<STATE_CHUNKS>(read + read_at, k * 2));
#pragma unroll
            for (int j = 0; j < CHUNK / 16; j++) {
                if (j > warp) break;
                load_matrices(b, chunks_on<STATE_CHUNKS>(in + in_at, k * 2) + j * 16 * STATE_SIZE * 2);
                multiply_add(products[j * 2], c, b[0], b[1]);
                multiply_add(products[j * 2 + 1], c, b[2], b[3]);
            }
        }
        unsigned weights[CHUNK / 16][4]; // what is in parentheses above
#pragma unroll
        for (int j = 0; j < CHUNK / 16; j++) {
#pragma unroll
            for (int n = 0; n < 2; n++) {
                float w[4];
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    const int from = j * 16 + n * 8 + pair + e % 2, to = token + e / 2 * 8;
                    const float decayed = products[j * 2 + n][e] * exp2_fast(at[e / 2] - exponent[from]) * time[from];
                    w[e] = from > to ? 0.0f : from == to ? decayed + h.skip : decayed;
                }
                weights[j][2 * n] = pack(w[0], w[1]);
                weights[j][2 * n + 1] = pack(w[2], w[3]);
            }
        }
        float out[COLUMN_TILES][4] = {};
#pragma unroll 4
        for (int k = 0; k < STATE_SIZE / 16; k++) {
            unsigned c[4], b[4];
            load_matrices(c, chunks_on<STATE_CHUNKS>(read + read_at, k * 2));
#pragma unroll
            for (int n = 0; n < COLUMN_TILES / 2; n++) {
                load_matrices_transposed(b, chunks_on<COLUMN_CHUNKS>(states + column_at, n * 2) + k * 16 * COLUMNS * 2);
                multiply_add(out[n * 2], c, b[0], b[1]);
                multiply_add(out[n * 2 + 1], c, b[2], b[3]);
            }
        }
#pragma unroll
        for (int n = 0; n < COLUMN_TILES; n++) {
#pragma unroll
            for (int e = 0; e < 4; e++) out[n][e] *= exp2_fast(at[e / 2]);
        }
#pragma unroll
        for (int j = 0; j < CHUNK / 16; j++) {
            if (j > warp) break;
#pragma unroll
            for (int n = 0; n < COLUMN_TILES / 2; n++) {
                unsigned b[4];
                load_matrices_transposed(b, chunks_on<COLUMN_CHUNKS>(x + column_at, n * 2) + j * 16 * COLUMNS * 2);
                multiply_add(out[n * 2], weights[j], b[0], b[1]);
                multiply_add(out[n * 2 + 1], weights[j], b[2], b[3]);
            }
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int i = chunk * CHUNK + token + half * 8;
            if (i >= h.tokens) break;
            bf16* to = h.out + (long long)i * s.heads * HEAD_DIM + pair;
#pragma unroll
            for (int n = 0; n < COLUMN_TILES; n++) {
                *reinterpret_cast<unsigned*>(to + n * 8) = pack(out[n][2 * half], out[n][2 * half + 1]);
            }
        }

        const float last = exponent[CHUNK - 1], kept = exp2_fast(last);
#pragma unroll
        for (int m = 0; m < STATE_TILES; m++) {
#pragma unroll
            for (int n = 0; n < COLUMN_TILES; n++) {
#pragma unroll
                for (int e = 0; e < 4; e++) state[m][n][e] *= kept;
            }
        }
#pragma unroll
        for (int j = 0; j < CHUNK / 16; j++) {
            float share[4]; // of tokens pair, pair + 1, pair + 8, pair + 9
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const int from = j * 16 + pair + e / 2 * 8 + e % 2;
                share[e] = exp2_fast(last - exponent[from]) * time[from];
            }
            unsigned a[STATE_TILES][4], b[4];
#pragma unroll
            for (int m = 0; m < STATE_TILES; m++) {
                load_matrices_transposed(
                    a[m], chunks_on<STATE_CHUNKS>(in + in_at, (warp * STATE_TILES + m) * 2) + j * 16 * STATE_SIZE * 2);
                a[m][0] = scaled(a[m][0], share[0], share[1]);
                a[m][1] = scaled(a[m][1], share[0], share[1]);
                a[m][2] = scaled(a[m][2], share[2], share[3]);
                a[m][3] = scaled(a[m][3], share[2], share[3]);
            }
#pragma unroll
            for (int n = 0; n < COLUMN_TILES / 2; n++) {
                load_matrices_transposed(b, chunks_on<COLUMN_CHUNKS>(x + column_at, n * 2) + j * 16 * COLUMNS * 2);
#pragma unroll
                for (int m = 0; m < STATE_TILES; m++) {
                    multiply_add(state[m][n * 2], a[m], b[0], b[1]);
                    multiply_add(state[m][n * 2 + 1], a[m], b[2], b[3]);
                }
            }
        }
        if (chunk + 1 == chunks) break;
        __syncthreads(); // all are done with the state before
        share_state();
        if (warp == 0) sum_steps(chunk + 1, steps);
    }
#pragma unroll
    for (int m = 0; m < STATE_TILES; m++) {
#pragma unroll
        for (int n = 0; n < COLUMN_TILES; n++) {
#pragma unroll
            for (int half = 0; half < 2; half++) {
                store_pair(state_at(m, n, half), state[m][n][2 * half], state[m][n][2 * half + 1]);
            }
        }
    }
}
