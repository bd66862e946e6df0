// Definitions that the kernels of gated linear attention share. Compile-time: KEY_DIM, VALUE_DIM.
#pragma once
#include "heads.cuh"

// gates: [t][tokens][key_heads * KEY_DIM]: a. There are as many values as keys.
struct GatedLinear : Heads {
    float divisor;
    float least;

    __device__ __forceinline__ const bf16* decay(int track, int token, int head) const {
        return gates + track * gates_track_stride + ((long long)token * key_heads + head) * KEY_DIM;
    }
    __device__ __forceinline__ bf16* output(int track, int token, int head) const {
        return out + track * out_track_stride + ((long long)token * key_heads + head) * VALUE_DIM;
    }
    // e^g of a: what a token leaves of a row of S.
    __device__ __forceinline__ float kept(float a) const {
        return expf(fmaxf(-softplus(-a) / divisor, least));
    }
};
