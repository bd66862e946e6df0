// Gated delta rule (arXiv 2412.06464), token by token: for each of a sequence's tokens, with key and query of length 1
//     S = e^g S;  S += k u^T, u = sigmoid(b) (v - S^T k);  out = S^T q / sqrt(KEY_DIM);  g = -rate softplus(a + bias)
// S [KEY_DIM][VALUE_DIM] in fp32. Serves decoding, widths that gated_delta_chunks.cu does not serve, and runs whose text must not depend on
// how a prompt is cut.
// Each column of S is a separate recurrence: a warp keeps WARP_COLS columns of one head in registers from a sequence's first token in the
// step to its last, with 8 lanes along the rows. out is computed from the old state, S^T q = e^g S_old^T q + (k . q) u, so the lanes sum
// once.
// Grid: (blocks of WARPS warps over the columns of a head, value heads of all tracks, sequences). Bytes: the state read and written; a
// token's key and query for every warp (L1), its values and outputs once.
// Compile-time: KEY_DIM, VALUE_DIM, VECTOR (8: keys and queries are loaded so; KEY_DIM is then a multiple of 64).
#include "gated_delta.cuh"
#include "launch.cuh"
#include "rows.cuh"

constexpr int WARPS = 4;
constexpr int BLOCKS = 3; // of a multiprocessor: with more, reads and writes of more states mix, and memory is slower
constexpr int ROW_LANES = 8;
constexpr int COL_LANES = 32 / ROW_LANES;
constexpr int ROWS = (KEY_DIM + ROW_LANES - 1) / ROW_LANES; // of a lane, one after the other
constexpr int COLS = VALUE_DIM % 4 == 0 ? 4 : 1;             // of a lane
constexpr int WARP_COLS = COLS * COL_LANES;

struct __align__(4 * COLS) Floats {
    float at[COLS];
};

// As they are kept.
struct __align__(sizeof(StateElement) * COLS) KeptFloats {
    StateElement at[COLS];
};

__device__ __forceinline__ void load_rows(float (&to)[ROWS], const bf16* from, int first) {
#pragma unroll
    for (int i = 0; i < ROWS; i += VECTOR) {
        Vector x;
        if (VECTOR == 8) {
            x = load(from + first, i / VECTOR);
        } else {
            x.at[0] = first + i < KEY_DIM ? from[first + i] : (bf16)0;
        }
#pragma unroll
        for (int e = 0; e < VECTOR; e++) to[i + e] = to_float(x.at[e]);
    }
}

__device__ __forceinline__ float over_rows(float x) {
    for (int lanes = COL_LANES; lanes < 32; lanes *= 2) x += __shfl_xor_sync(~0u, x, lanes);
    return x;
}

// most_tokens: another kernel computes sequences with more tokens in the step.
extern "C" __global__ void __launch_bounds__(WARPS * 32, BLOCKS) gated_delta(const GatedDelta d, int most_tokens) {
    wait_for_kernels_before();
    const int lane = threadIdx.x % 32;
    const int first_row = lane / COL_LANES * ROWS;
    const int warp_col = (blockIdx.x * WARPS + threadIdx.x / 32) * WARP_COLS, col = warp_col + lane % COL_LANES * COLS;
    const int sequence = blockIdx.z, begin = d.query_starts[sequence], end = d.query_starts[sequence + 1];
    if (warp_col >= VALUE_DIM || end - begin > most_tokens) return;
    const bool has_col = col < VALUE_DIM;
    const int track = blockIdx.y / d.value_heads, head = blockIdx.y % d.value_heads;
    const int key_head = head / (d.value_heads / d.key_heads);
    StateElement* state = d.states.of(track, sequence) + ((long long)head * KEY_DIM + first_row) * VALUE_DIM + col;
    const bool begins = d.states.begins(sequence);
    Floats s[ROWS];
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        KeptFloats kept = KeptFloats();
        if (!begins && has_col && first_row + i < KEY_DIM) kept = *reinterpret_cast<const KeptFloats*>(state + i * VALUE_DIM);
#pragma unroll
        for (int c = 0; c < COLS; c++) s[i].at[c] = from_state(kept.at[c]);
    }
    for (int token = begin; token < end; token++) {
        float q[ROWS], k[ROWS];
        load_rows(q, d.query(track, token, key_head), first_row);
        load_rows(k, d.key(track, token, key_head), first_row);
        const bf16* v = d.value(track, token, head) + col;
        const float beta = d.beta(track, token, head), kept = expf(d.log_decay(track, token, head));
        float kk = 0, qq = 0, kq = 0;
        Floats known = Floats(), seen = Floats();
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            kk += k[i] * k[i];
            qq += q[i] * q[i];
            kq += k[i] * q[i];
#pragma unroll
            for (int c = 0; c < COLS; c++) {
                known.at[c] += s[i].at[c] * k[i];
                seen.at[c] += s[i].at[c] * q[i];
            }
        }
        const float of_key = key_factor(over_rows(kk)), of_query = query_factor(over_rows(qq));
        kq = over_rows(kq) * of_key;
        bf16* out = d.output(track, token, head) + col;
        Floats added;
#pragma unroll
        for (int c = 0; c < COLS; c++) {
            const float value = has_col ? to_float(v[c]) : 0.0f;
            added.at[c] = beta * (value - kept * of_key * over_rows(known.at[c]));
            const float mixed = of_query * (kept * over_rows(seen.at[c]) + kq * added.at[c]);
            if (has_col && lane < COL_LANES) out[c] = to_bf16(mixed);
        }
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
#pragma unroll
            for (int c = 0; c < COLS; c++) s[i].at[c] = from_state(to_state(kept * s[i].at[c] + k[i] * of_key * added.at[c]));
        }
    }
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        KeptFloats kept;
#pragma unroll
        for (int c = 0; c < COLS; c++) kept.at[c] = to_state(s[i].at[c]);
        if (has_col && first_row + i < KEY_DIM) *reinterpret_cast<KeptFloats*>(state + i * VALUE_DIM) = kept;
    }
}
