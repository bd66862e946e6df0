// What the kernels of gated linear attention share. Compile-time: KEY_DIM, VALUE_DIM.
#pragma once
#include "bf16.cuh"
#include "recurrent.cuh"

struct GatedLinear {
    bf16* out; // [t][tokens][heads * VALUE_DIM]
    long long out_track_stride;
    const bf16* qkv; // [t][tokens][qkv_cols]
    long long qkv_track_stride;
    const bf16* decays; // [t][tokens][heads * KEY_DIM]: a
    long long decays_track_stride;
    States states; // [heads][KEY_DIM][VALUE_DIM]
    const int* query_starts;
    int qkv_cols;
    int heads; // of a track
    float divisor;
    float least;

    __device__ __forceinline__ const bf16* query(int track, int token, int head) const {
        return qkv + track * qkv_track_stride + (long long)token * qkv_cols + head * KEY_DIM;
    }
    __device__ __forceinline__ const bf16* key(int track, int token, int head) const {
        return query(track, token, heads + head);
    }
    __device__ __forceinline__ const bf16* value(int track, int token, int head) const {
        return query(track, token, 2 * heads) + head * VALUE_DIM;
    }
    __device__ __forceinline__ const bf16* decay(int track, int token, int head) const {
        return decays + track * decays_track_stride + ((long long)token * heads + head) * KEY_DIM;
    }
    __device__ __forceinline__ bf16* output(int track, int token, int head) const {
        return out + track * out_track_stride + ((long long)token * heads + head) * VALUE_DIM;
    }
    // e^g of a: what a token leaves of a row of S.
    __device__ __forceinline__ float kept(float a) const {
        return expf(fmaxf(-softplus(-a) / divisor, least));
    }
};
