// Unpacks a step's inputs, which arrive packed in one copy, to the addresses that the step's kernels read. A token below 0 is ~i for the
// i-th token that the step before sampled. A sample that failed has a number below 0 instead of a token: its row goes on with token 0, and
// its result is not read. Grid: any. Bytes: every input once, read and written; about 40 KB at 256 sequences.
#include "launch.cuh"

constexpr int SEGMENTS = 9 + GROUPS; // GROUPS of layers: a slot per token or copy and a page table per sequence in each

struct Segment {
    int* to;
    int from; // in packed
    int count;
};

struct Layout {
    const int* packed;
    const int* sampled;
    Segment segments[SEGMENTS]; // the first: tokens
    int* tables;                // [sequences][groups]
    int table_stride;           // between sequences
    int group_stride;
    int tables_from; // in packed, rows of table_width
    int table_width;
    int sequences;
    int groups; // of the step, at most GROUPS
};

extern "C" __global__ void lay_out(const Layout l) {
    wait_for_kernels_before();
    const int first = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
    for (int i = first; i < l.segments[0].count; i += threads) {
        const int token = l.packed[l.segments[0].from + i];
        l.segments[0].to[i] = token < 0 ? max(l.sampled[~token], 0) : token;
    }
#pragma unroll
    for (int s = 1; s < SEGMENTS; s++) {
        for (int i = first; i < l.segments[s].count; i += threads) {
            l.segments[s].to[i] = l.packed[l.segments[s].from + i];
        }
    }
    for (int i = first; i < l.table_width * l.sequences * l.groups; i += threads) {
        const int row = i / l.table_width, sequence = row / l.groups, group = row % l.groups;
        l.tables[(long long)sequence * l.table_stride + group * l.group_stride + i % l.table_width] = l.packed[l.tables_from + i];
    }
}
