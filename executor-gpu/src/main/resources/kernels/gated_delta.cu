// Gated delta rule (arXiv 2412.06464), token by token: for each of a sequence's tokens, with key and query of length 1
//     S = e^g S;  S += k u^T, u = sigmoid(b) (v - S^T k);  out = S^T q / sqrt(KEY_DIM);  g = -rate softplus(a + bias)
// S [KEY_DIM][VALUE_DIM] in fp32. Decoding, and where text must not depend on how a prompt is cut.
// A column of S is a recurrence of its own: a warp has WARP_COLS columns of one head in registers from a sequence's first token in the
// step to its last, 8 lanes along the rows. out comes from the old state, S^T q = e^g S_old^T q + (k . q) u, so the lanes sum once.
// Grid: (blocks of WARPS warps over the columns of a head, value heads of all tracks, sequences). Bytes: the state read and written; a
// token's key and query for every warp (L1), its values and outputs once.
// Compile-time: KEY_DIM, VALUE_DIM, VECTOR (8: keys and queries are loaded so; KEY_DIM is then a multiple of 64).
#include "recurrent.cuh"
#include "rows.cuh"

constexpr int WARPS = 4;
constexpr int ROW_LANES = 8;
constexpr int COL_LANES = 32 / ROW_LANES;
constexpr int ROWS = (KEY_DIM + ROW_LANES - 1) / ROW_LANES; // of a lane, one after the other
constexpr int COLS = VALUE_DIM % 4 == 0 ? 4 : 1;             // of a lane
constexpr int WARP_COLS = COLS * COL_LANES;
constexpr float LENGTH_EPSILON = 1e-6f; // added to squared lengths

struct __align__(4 * COLS) Floats {
    float at[COLS];
};

struct GatedDelta {
    bf16* out; // [t][tokens][value_heads * VALUE_DIM]
    long long out_track_stride;
    const bf16* qkv; // [t][tokens][qkv_cols]
    long long qkv_track_stride;
    const bf16* beta_decay; // [t][tokens][2 value_heads]: b, a
    long long beta_decay_track_stride;
    States states; // [value_heads][KEY_DIM][VALUE_DIM]
    Decay decay;
    const int* query_starts;
    const int* sequences; // those that take part, or null: all
    int qkv_cols;
    int key_heads;
    int value_heads;
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

extern "C" __global__ void __launch_bounds__(WARPS * 32) gated_delta(const GatedDelta d) {
    const int lane = threadIdx.x % 32;
    const int first_row = lane / COL_LANES * ROWS;
    const int warp_col = (blockIdx.x * WARPS + threadIdx.x / 32) * WARP_COLS, col = warp_col + lane % COL_LANES * COLS;
    if (warp_col >= VALUE_DIM) return;
    const bool has_col = col < VALUE_DIM;
    const int track = blockIdx.y / d.value_heads, head = blockIdx.y % d.value_heads;
    const int sequence = d.sequences ? d.sequences[blockIdx.z] : blockIdx.z;
    const int key_head = head / (d.value_heads / d.key_heads);
    float* state = d.states.of(track, sequence) + ((long long)head * KEY_DIM + first_row) * VALUE_DIM + col;
    const bool begins = d.states.begins(sequence);
    Floats s[ROWS];
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        s[i] = !begins && has_col && first_row + i < KEY_DIM ? *reinterpret_cast<const Floats*>(state + i * VALUE_DIM) : Floats();
    }
    const float rate = d.decay.rate[track * d.value_heads + head], bias = d.decay.bias[track * d.value_heads + head];
    for (int token = d.query_starts[sequence]; token < d.query_starts[sequence + 1]; token++) {
        const bf16* row = d.qkv + track * d.qkv_track_stride + (long long)token * d.qkv_cols;
        const bf16* gates = d.beta_decay + track * d.beta_decay_track_stride + 2LL * token * d.value_heads + head;
        float q[ROWS], k[ROWS];
        load_rows(q, row + key_head * KEY_DIM, first_row);
        load_rows(k, row + (d.key_heads + key_head) * KEY_DIM, first_row);
        const bf16* v = row + 2 * d.key_heads * KEY_DIM + head * VALUE_DIM + col;
        const float beta = sigmoid(to_float(gates[0]));
        const float kept = expf(-rate * softplus(to_float(gates[d.value_heads]) + bias));
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
        const float of_key = rsqrtf(over_rows(kk) + LENGTH_EPSILON);
        const float of_query = rsqrtf((over_rows(qq) + LENGTH_EPSILON) * KEY_DIM);
        kq = over_rows(kq) * of_key;
        bf16* out = d.out + track * d.out_track_stride + ((long long)token * d.value_heads + head) * VALUE_DIM + col;
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
            for (int c = 0; c < COLS; c++) s[i].at[c] = kept * s[i].at[c] + k[i] * of_key * added.at[c];
        }
    }
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        if (has_col && first_row + i < KEY_DIM) *reinterpret_cast<Floats*>(state + i * VALUE_DIM) = s[i];
    }
}
