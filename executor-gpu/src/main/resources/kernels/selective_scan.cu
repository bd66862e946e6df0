// Mamba-2, token by token by its recurrence: serves sequences with one token in the step, and shapes that the chunked kernel does not
// serve. A state is read once and written once, whatever the number of tokens; in between it is in registers, fp32. A state kept in bf16 is
// rounded after every token, so that it does not depend on how a text was cut into steps.
//
// Operations: 5 per element of S and token. Bytes: a state read and written, which is nearly all of the traffic with one token.
// Grid: (SPLITS * heads, sequences, tracks); THREADS.
#include "launch.cuh"
#include "selective_scan.cuh"

constexpr int THREADS = 128;
constexpr int VECTOR = HEAD_DIM % 8 || COLUMNS % 8 ? 1 : BF16_STATES ? 8 : 4; // elements of 16 bytes
constexpr int ROW_THREADS = COLUMNS / VECTOR;
constexpr int ROWS = THREADS / ROW_THREADS; // of S at a time
constexpr int PER_THREAD = (STATE_SIZE + ROWS - 1) / ROWS;

struct __align__(sizeof(StateElement) * VECTOR) Elements {
    StateElement at[VECTOR];
};

extern "C" __global__ void __launch_bounds__(THREADS, 3) selective_scan(const Scan s) {
    wait_for_kernels_before();
    __shared__ float2 in_read[STATE_SIZE]; // a token's B and C
    __shared__ float partial[ROWS][COLUMNS];
    const ScanHead h = scan_head(s);
    const int row = threadIdx.x / ROW_THREADS, column = threadIdx.x % ROW_THREADS * VECTOR;
    const bool working = row < ROWS && column < h.columns;

    Elements loaded[PER_THREAD];
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const int n = k * ROWS + row;
        if (working && n < STATE_SIZE && !h.begins) {
            loaded[k] = *reinterpret_cast<const Elements*>(h.state + n * HEAD_DIM + column);
        } else {
            loaded[k] = Elements{};
        }
    }
    auto stage = [&](int i) {
        for (int n = threadIdx.x; n < STATE_SIZE; n += THREADS) {
            const long long at = (long long)i * s.cols + n;
            in_read[n] = make_float2(to_float(h.in[at]), to_float(h.read[at]));
        }
    };
    stage(0); // before the state is there
    float state[PER_THREAD][VECTOR];
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
#pragma unroll
        for (int v = 0; v < VECTOR; v++) state[k][v] = from_state(loaded[k].at[v]);
    }
    for (int i = 0; i < h.tokens; i++) {
        const long long at = (long long)i * s.cols;
        const float time = time_step(s, h, h.step[at]), kept = expf(-h.rate * time);
        float added[VECTOR], sum[VECTOR] = {};
#pragma unroll
        for (int v = 0; v < VECTOR; v++) added[v] = working ? time * to_float(h.x[at + column + v]) : 0.0f;
        __syncthreads();
#pragma unroll
        for (int k = 0; k < PER_THREAD; k++) {
            const int n = k * ROWS + row;
            const float2 weight = in_read[n < STATE_SIZE ? n : 0];
#pragma unroll
            for (int v = 0; v < VECTOR; v++) {
                state[k][v] = kept * state[k][v] + weight.x * added[v];
                if (n < STATE_SIZE) sum[v] += weight.y * state[k][v];
                state[k][v] = from_state(to_state(state[k][v]));
            }
        }
        if (working) {
#pragma unroll
            for (int v = 0; v < VECTOR; v++) partial[row][column + v] = sum[v];
        }
        __syncthreads();
        if (i + 1 < h.tokens) stage(i + 1);
        for (int c = threadIdx.x; c < h.columns; c += THREADS) {
            float all = h.skip * to_float(h.x[at + c]);
#pragma unroll
            for (int r = 0; r < ROWS; r++) all += partial[r][c];
            h.out[(long long)i * s.heads * HEAD_DIM + c] = to_bf16(all);
        }
    }
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        const int n = k * ROWS + row;
        if (!working || n >= STATE_SIZE) continue;
        Elements kept;
#pragma unroll
        for (int v = 0; v < VECTOR; v++) kept.at[v] = to_state(state[k][v]);
        *reinterpret_cast<Elements*>(h.state + n * HEAD_DIM + column) = kept;
    }
}
