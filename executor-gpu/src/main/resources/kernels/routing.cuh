// The map from gathered rows to tokens and experts, which route.cu writes for the operations on experts.
#pragma once

// t: track, i: token of the step, c: its c-th choice, e: expert of all ranks, w: 32 tokens of the step.
struct Routing {
    int* expert;         // [t][i][c]; NOBODY: i pads the step
    float* weight;       // [t][i][c]
    unsigned* masks;     // [t][w][e]: bit b: token 32 w + b chose e
    int* rows;           // [t][w][e]: of the first of these tokens, where e is this rank's
    int* offsets;        // [t][here + 1]: where the rows of this rank's experts begin, and where the last one's end
    int tokens, chosen, experts;
    int first, here;     // this rank's experts
};

constexpr int NOBODY = -1;

// The row of a token's choice; NOBODY if another rank has the expert.
__device__ __forceinline__ int row_of(const Routing& r, int track, int token, int choice) {
    const int expert = r.expert[((long long)track * r.tokens + token) * r.chosen + choice];
    if (expert < r.first || expert >= r.first + r.here) return NOBODY;
    const int words = (r.tokens + 31) / 32, at = (track * words + token / 32) * r.experts + expert;
    return r.rows[at] + __popc(r.masks[at] & (1u << token % 32) - 1);
}

// The rows of a track that belong to an expert.
__device__ __forceinline__ int gathered_rows(const Routing& r, int track) {
    return r.offsets[track * (r.here + 1) + r.here];
}
