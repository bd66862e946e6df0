// Definitions that the kernels of the gated delta rule share. Compile-time: KEY_DIM, VALUE_DIM.
#pragma once
#include "heads.cuh"

// gates: [t][tokens][2 value_heads]: b, a.
struct GatedDelta : Heads {
    int value_heads; // of a track
    Decay decay;

    __device__ __forceinline__ bf16* output(int track, int token, int head) const {
        return out + track * out_track_stride + ((long long)token * value_heads + head) * VALUE_DIM;
    }
    __device__ __forceinline__ float beta(int track, int token, int head) const {
        return sigmoid(to_float(gates[track * gates_track_stride + 2LL * token * value_heads + head]));
    }
    // g, at most 0.
    __device__ __forceinline__ float log_decay(int track, int token, int head) const {
        const float a = to_float(gates[track * gates_track_stride + (2LL * token + 1) * value_heads + head]);
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
