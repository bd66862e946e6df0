// What the kernels of the gated delta rule share. Compile-time: KEY_DIM, VALUE_DIM.
#pragma once
#include "bf16.cuh"
#include "recurrent.cuh"

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
    int qkv_cols;
    int key_heads; // of a track
    int value_heads;

    // Query, key and value head of value head h of a track.
    __device__ __forceinline__ const bf16* query(int track, int token, int key_head) const {
        return qkv + track * qkv_track_stride + (long long)token * qkv_cols + key_head * KEY_DIM;
    }
    __device__ __forceinline__ const bf16* key(int track, int token, int key_head) const {
        return query(track, token, key_heads + key_head);
    }
    __device__ __forceinline__ const bf16* value(int track, int token, int head) const {
        return query(track, token, 2 * key_heads) + head * VALUE_DIM;
    }
    __device__ __forceinline__ bf16* output(int track, int token, int head) const {
        return out + track * out_track_stride + ((long long)token * value_heads + head) * VALUE_DIM;
    }
    __device__ __forceinline__ float beta(int track, int token, int head) const {
        return sigmoid(to_float(beta_decay[track * beta_decay_track_stride + 2LL * token * value_heads + head]));
    }
    // g, at most 0.
    __device__ __forceinline__ float log_decay(int track, int token, int head) const {
        const float a = to_float(beta_decay[track * beta_decay_track_stride + (2LL * token + 1) * value_heads + head]);
        const int of_track = track * value_heads + head;
        return -decay.rate[of_track] * softplus(a + decay.bias[of_track]);
    }
};

// 1 / length of a key whose squares have this sum, and of a query, which is also divided by sqrt(KEY_DIM).
__device__ __forceinline__ float key_factor(float squares) {
    return rsqrtf(squares + 1e-6f);
}

__device__ __forceinline__ float query_factor(float squares) {
    return rsqrtf((squares + 1e-6f) * KEY_DIM);
}
