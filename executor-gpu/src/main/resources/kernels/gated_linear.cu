// Gated linear attention (arXiv 2312.06635), token by token. For every token i of a sequence and every head
//
//   S = diag(e^g[i]) S + k[i] v[i]^T;  out[i] = S^T q[i] / sqrt(KEY_DIM)      S: [KEY_DIM][VALUE_DIM]
//   g[i] = max(logsigmoid(a[i]) / divisor, least), a number for every row of S
//
// Serves decoding, widths that gated_linear_chunks.cu does not serve, and runs whose text must not depend on how a prompt is cut. A block
// computes COLUMNS columns of one head of one sequence, which are independent of the others: they stay in registers, in fp32, from its
// first token in the step to its last. A state kept in bf16 is rounded after every token.
//
// Operations: 5 per element of S and token. Bytes: a state read and written; keys, queries and decays of a token once per block.
// Grid: (SPLITS * heads, sequences, tracks); THREADS. Compile-time: KEY_DIM, VALUE_DIM, COLUMNS (of VALUE_DIM), BF16_STATES.
#include "gated_linear.cuh"
#include "launch.cuh"

constexpr int THREADS = 128;
constexpr int SPLITS = (VALUE_DIM + COLUMNS - 1) / COLUMNS;
constexpr int VECTOR = VALUE_DIM % 8 || COLUMNS % 8 ? 1 : BF16_STATES ? 8 : 4; // elements of 16 bytes
constexpr int ROW_THREADS = COLUMNS / VECTOR;
constexpr int ROWS = THREADS / ROW_THREADS; // of S at a time
constexpr int PER_THREAD = (KEY_DIM + ROWS - 1) / ROWS;

struct __align__(sizeof(StateElement) * VECTOR) Elements {
    StateElement at[VECTOR];
};

// Factors of a token and a row of S.
struct __align__(16) Row {
    float kept, key, query;
};

// most_tokens: another kernel computes sequences with more tokens in the step.
extern "C" __global__ void __launch_bounds__(THREADS, 3) gated_linear(const GatedLinear g, int most_tokens) {
    wait_for_kernels_before();
    __shared__ Row rows[KEY_DIM];
    __shared__ float partial[ROWS][COLUMNS];
    const int sequence = blockIdx.y, track = blockIdx.z, head = blockIdx.x / SPLITS;
    const int first_column = blockIdx.x % SPLITS * COLUMNS, columns = min(COLUMNS, VALUE_DIM - first_column);
    const int begin = g.query_starts[sequence], end = g.query_starts[sequence + 1];
    if (end - begin > most_tokens) return;
    const int row = threadIdx.x / ROW_THREADS, column = threadIdx.x % ROW_THREADS * VECTOR;
    const bool working = row < ROWS && column < columns, begins = g.states.begins(sequence);
    StateElement* kept_state =
        g.states.of(track, sequence) + (long long)head * (KEY_DIM * VALUE_DIM) + first_column + column;

    float state[PER_THREAD][VECTOR];
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const int n = k * ROWS + row;
        Elements loaded = Elements();
        if (working && n < KEY_DIM && !begins) loaded = *reinterpret_cast<const Elements*>(kept_state + n * VALUE_DIM);
#pragma unroll
        for (int v = 0; v < VECTOR; v++) state[k][v] = from_state(loaded.at[v]);
    }
    const float scale = rsqrtf((float)KEY_DIM);
    for (int token = begin; token < end; token++) {
        const bf16 *decay = g.decay(track, token, head), *key = g.key(track, token, head), *query = g.query(track, token, head);
        const bf16* value = g.value(track, token, head) + first_column;
        for (int n = threadIdx.x; n < KEY_DIM; n += THREADS) {
            rows[n] = {g.kept(to_float(decay[n])), to_float(key[n]), scale * to_float(query[n])};
        }
        float added[VECTOR], sum[VECTOR] = {};
#pragma unroll
        for (int v = 0; v < VECTOR; v++) added[v] = working ? to_float(value[column + v]) : 0.0f;
        __syncthreads();
#pragma unroll
        for (int k = 0; k < PER_THREAD; k++) {
            const int n = k * ROWS + row;
            const Row of = rows[n < KEY_DIM ? n : 0];
#pragma unroll
            for (int v = 0; v < VECTOR; v++) {
                state[k][v] = of.kept * state[k][v] + of.key * added[v];
                if (n < KEY_DIM) sum[v] += of.query * state[k][v];
                state[k][v] = from_state(to_state(state[k][v]));
            }
        }
        if (working) {
#pragma unroll
            for (int v = 0; v < VECTOR; v++) partial[row][column + v] = sum[v];
        }
        __syncthreads();
        bf16* out = g.output(track, token, head) + first_column;
        for (int c = threadIdx.x; c < columns; c += THREADS) {
            float all = 0;
#pragma unroll
            for (int r = 0; r < ROWS; r++) all += partial[r][c];
            out[c] = to_bf16(all);
        }
    }
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const int n = k * ROWS + row;
        if (!working || n >= KEY_DIM) continue;
        Elements kept;
#pragma unroll
        for (int v = 0; v < VECTOR; v++) kept.at[v] = to_state(state[k][v]);
        *reinterpret_cast<Elements*>(kept_state + n * VALUE_DIM) = kept;
    }
}
