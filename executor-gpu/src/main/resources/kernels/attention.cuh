// Definitions that the attention kernels share. Compile-time: HEAD_DIM (any up to 256), PAGE_TOKENS (a multiple of 16), GROUP (query heads
// per key head), SINKS (1: every query head has one score that the softmax counts in addition to those of keys, without a value), KV_CODES
// (0: keys and values are bf16; 1, 2: bytes of kv_codes.cuh).
#pragma once
#include "bf16.cuh"

// Rows of the KV pages are padded with zeros to a multiple of 16.
#define PADDED_DIM ((HEAD_DIM + 15) / 16 * 16)

#if KV_CODES
typedef unsigned char Kv;
#else
typedef bf16 Kv;
#endif

// t: track, i: token of the step, h: query head of the track, g: key head, s: sequence.
struct Attention {
    bf16* out;        // [t][i][heads * HEAD_DIM]
    const bf16* qkv;  // [t][i][qkv_cols]; query h at column h * HEAD_DIM, already rotated
    const Kv* keys;   // [page][t * kv_heads + g][PAGE_TOKENS][PADDED_DIM]
    const Kv* values;
    const unsigned char* kv_scales; // [page][t * kv_heads + g][PAGE_TOKENS / 16][of keys, of values][16], read where KV_CODES
    const int* query_starts; // [s + 1]: the step's tokens of s are query_starts[s] .. query_starts[s + 1] - 1
    const int* contexts;     // [s]: tokens of s in the cache, this step's included
    const int* page_tables;  // [s][page_table_stride]
    const float* sinks;      // [t][heads], read where SINKS
    long long out_track_stride; // in elements
    long long qkv_track_stride;
    int qkv_cols;
    int page_table_stride;
    int heads;    // query heads of a track
    int kv_heads; // key heads of a track
    int window;   // how many of the latest positions a token sees, itself included; 0 is all
    float scale;  // 1 / sqrt(HEAD_DIM)
};
