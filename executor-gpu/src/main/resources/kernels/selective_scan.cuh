// What the kernels of Mamba-2 (arXiv 2405.21060) share. For every token i of a sequence and every head
//
//   S = e^(-rate t[i]) S + B[i] (t[i] x[i])^T      t[i] = softplus(step[i] + bias), within bounds
//   out[i] = S^T C[i] + skip x[i]                  S: [STATE_SIZE][HEAD_DIM], empty where the sequence begins
//
// Compile-time: HEAD_DIM, STATE_SIZE, COLUMNS (of HEAD_DIM, that a block takes: columns of S do not meet), BF16_STATES.
#pragma once
#include "bf16.cuh"

#if BF16_STATES
typedef bf16 StateElement;
#else
typedef float StateElement;
#endif

constexpr int SPLITS = (HEAD_DIM + COLUMNS - 1) / COLUMNS;

// t: track, i: token of the step, h: head of the track, s: sequence.
struct Scan {
    bf16* out;             // [t][i][heads * HEAD_DIM]
    const bf16* projected; // [t][i][cols]: x of all heads; B of all groups; C of all groups; gates; steps
    StateElement* states;  // [t][slot][heads][STATE_SIZE][HEAD_DIM]
    const float* rate;     // [t][heads]
    const float* bias;
    const float* skip;
    const int* query_starts; // [s + 1]: the step's tokens of s are query_starts[s] .. query_starts[s + 1] - 1
    const int* slots;        // [s]: ~slot where s begins
    long long out_track_stride; // in elements
    long long projected_track_stride;
    long long states_track_stride;
    int heads;
    int groups;
    int cols;
    float least_step;
    float most_step;
};

// What a block works on: some columns of one head of one sequence.
struct ScanHead {
    const bf16* x; // of the sequence's first token; the next token is cols on
    const bf16* in;
    const bf16* read;
    const bf16* step;
    bf16* out;
    StateElement* state;
    float rate, bias, skip;
    int tokens;
    int columns;
    bool begins;
};

__device__ __forceinline__ ScanHead scan_head(const Scan& s, int sequence, int split_head, int track) {
    const int head = split_head / SPLITS, column = split_head % SPLITS * COLUMNS;
    const int first = s.query_starts[sequence], slot = s.slots[sequence];
    const long long values = (long long)s.heads * HEAD_DIM, of_track = (long long)track * s.heads + head;
    const bf16* row = s.projected + track * s.projected_track_stride + (long long)first * s.cols;
    ScanHead h;
    h.x = row + head * HEAD_DIM + column;
    h.in = row + values + head / (s.heads / s.groups) * STATE_SIZE;
    h.read = h.in + s.groups * STATE_SIZE;
    h.step = row + 2 * values + 2 * s.groups * STATE_SIZE + head;
    h.out = s.out + track * s.out_track_stride + first * values + head * HEAD_DIM + column;
    h.state = s.states + track * s.states_track_stride
        + ((long long)(slot < 0 ? ~slot : slot) * s.heads + head) * (STATE_SIZE * HEAD_DIM) + column;
    h.rate = s.rate[of_track];
    h.bias = s.bias[of_track];
    h.skip = s.skip[of_track];
    h.tokens = s.query_starts[sequence + 1] - first;
    h.columns = min(COLUMNS, HEAD_DIM - column);
    h.begins = slot < 0;
    return h;
}

// The time step of a token.
__device__ __forceinline__ float time_step(const Scan& s, const ScanHead& h, bf16 step) {
    const float x = to_float(step) + h.bias;
    return fminf(fmaxf(x > 20 ? x : log1pf(expf(x)), s.least_step), s.most_step);
}
