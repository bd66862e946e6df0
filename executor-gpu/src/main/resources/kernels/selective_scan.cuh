// Definitions that the kernels of Mamba-2 (arXiv 2405.21060) share. For every token i of a sequence and every head
//
//   S = e^(-rate t[i]) S + B[i] (t[i] x[i])^T      t[i] = softplus(step[i] + bias), within bounds
//   out[i] = S^T C[i] + skip x[i]                  S: [STATE_SIZE][HEAD_DIM], empty where the sequence begins
//
// Compile-time: HEAD_DIM, STATE_SIZE, COLUMNS (columns of HEAD_DIM that a block computes; columns of S are independent), BF16_STATES.
#pragma once
#include "recurrent.cuh"

constexpr int SPLITS = (HEAD_DIM + COLUMNS - 1) / COLUMNS;

// t: track, i: token of the step, h: head of the track, s: sequence.
struct Scan {
    bf16* out; // [t][i][heads * HEAD_DIM]
    long long out_track_stride;
    const bf16* projected; // [t][i][cols]: x of all heads; B of all groups; C of all groups; gates; steps
    long long projected_track_stride;
    States states; // [heads][STATE_SIZE][HEAD_DIM]
    Decay decay;
    const float* skip; // [t][heads]
    const int* query_starts; // [s + 1]: the step's tokens of s are query_starts[s] .. query_starts[s + 1] - 1
    const int* sequences;    // those to take, s or ~s, or null for all of the step
    int cols;
    int heads;
    int groups;
    float least_step;
    float most_step;
};

// The work of a block of the grid (SPLITS * heads, sequences, tracks): some columns of one head of one sequence.
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

__device__ __forceinline__ ScanHead scan_head(const Scan& s) {
    const int taken = s.sequences ? s.sequences[blockIdx.y] : blockIdx.y, sequence = taken < 0 ? ~taken : taken;
    const int split_head = blockIdx.x, track = blockIdx.z;
    const int head = split_head / SPLITS, column = split_head % SPLITS * COLUMNS;
    const int first = s.query_starts[sequence];
    const long long values = (long long)s.heads * HEAD_DIM, of_track = (long long)track * s.heads + head;
    const bf16* row = s.projected + track * s.projected_track_stride + (long long)first * s.cols;
    ScanHead h;
    h.x = row + head * HEAD_DIM + column;
    h.in = row + values + head / (s.heads / s.groups) * STATE_SIZE;
    h.read = h.in + s.groups * STATE_SIZE;
    h.step = row + 2 * values + 2 * s.groups * STATE_SIZE + head;
    h.out = s.out + track * s.out_track_stride + first * values + head * HEAD_DIM + column;
    h.state = s.states.of(track, sequence) + (long long)head * (STATE_SIZE * HEAD_DIM) + column;
    h.rate = s.decay.rate[of_track];
    h.bias = s.decay.bias[of_track];
    h.skip = s.skip[of_track];
    h.tokens = s.query_starts[sequence + 1] - first;
    h.columns = min(COLUMNS, HEAD_DIM - column);
    h.begins = s.states.begins(sequence);
    return h;
}

// The time step of a token.
__device__ __forceinline__ float time_step(const Scan& s, const ScanHead& h, bf16 step) {
    return fminf(fmaxf(softplus(to_float(step) + h.bias), s.least_step), s.most_step);
}
