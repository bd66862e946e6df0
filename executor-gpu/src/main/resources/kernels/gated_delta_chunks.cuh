// The gated delta rule (arXiv 2412.06464; the recurrence in gated_delta.cu) over chunks of 64 tokens. With G_t the sum of a chunk's g up to its
// token t, S the state before the chunk, keys and queries of length 1 (arXiv 2406.06484, section 3: UT transform):
//     A_ts = beta_t e^(G_t - G_s) k_t . k_s for s < t        T = (I + A)^-1 diag(beta)
//     U = T (V - diag(e^G) K S)                               the terms that tokens add to the state, without their keys
//     out = diag(e^G) Q S + P U, P_ts = e^(G_t - G_s) q_t . k_s for s <= t
//     S = e^G_last S + sum over t of e^(G_last - G_t) k_t u_t^T
// No exponent is above 0. gated_delta_factors.cu computes the terms that do not need S, for all chunks at once; then a kernel goes from
// chunk to chunk of a sequence: gated_delta_chunks_sm90.cu on Hopper, gated_delta_chunks.cu elsewhere. Keys and queries are not scaled;
// their lengths are in the factors. Operands are bf16, sums and the state fp32; A and its inverse are fp32.
// If a sequence ends within a chunk, the rest are tokens of zeros with beta 0 and g 0: they change nothing.
#pragma once
#include "chunks.cuh"
#include "gated_delta.cuh"

// Factors of a chunk and a value head. Above the diagonal blocks of squares are the zeros of fresh memory.
struct Factors {
    unsigned char inverse[SQUARE_BYTES]; // T, bf16
    unsigned char mix[SQUARE_BYTES];     // P, bf16
    float of_known[CHUNK];               // e^G_t / |k_t|
    float of_seen[CHUNK];                // e^G_t / |q_t| / sqrt(KEY_DIM)
    float of_added[CHUNK];               // e^(G_last - G_t) / |k_t|
    float kept[4];                       // e^G_last, three times nothing
};
