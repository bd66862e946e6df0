// Addresses of a token's queries, keys and values, for recurrences over heads. Compile-time: KEY_DIM, VALUE_DIM.
#pragma once
#include "bf16.cuh"
#include "recurrent.cuh"

struct Heads {
    bf16* out; // [t][tokens][value heads * VALUE_DIM]
    long long out_track_stride;
    const bf16* qkv; // [t][tokens][qkv_cols]: of all heads, side by side
    long long qkv_track_stride;
    const bf16* gates; // [t][tokens][...]: what a recurrence has of its own
    long long gates_track_stride;
    States states; // [value heads][KEY_DIM][VALUE_DIM]
    const int* query_starts;
    int qkv_cols;
    int key_heads; // of a track; of queries as well

    __device__ __forceinline__ const bf16* query(int track, int token, int key_head) const {
        return qkv + track * qkv_track_stride + (long long)token * qkv_cols + key_head * KEY_DIM;
    }
    __device__ __forceinline__ const bf16* key(int track, int token, int key_head) const {
        return query(track, token, key_heads + key_head);
    }
    __device__ __forceinline__ const bf16* value(int track, int token, int value_head) const {
        return query(track, token, 2 * key_heads) + value_head * VALUE_DIM;
    }
};
