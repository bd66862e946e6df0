// What recurrent layers share: where a step's sequences have their states, and the gates.
#pragma once

// Of one layer. t: track, s: sequence.
struct States {
    float* slots;            // [t][slot][elements]
    long long track_stride;  // in elements
    const int* of_sequences; // [s]: the slot of s; ~slot where s begins with this step: its state is then empty, whatever the slot holds
    int elements;

    __device__ __forceinline__ bool begins(int sequence) const {
        return of_sequences[sequence] < 0;
    }
    __device__ __forceinline__ float* of(int track, int sequence) const {
        const int slot = of_sequences[sequence];
        return slots + track * track_stride + (long long)(slot < 0 ? ~slot : slot) * elements;
    }
};

// How states of heads decay: [t][heads] each.
struct Decay {
    const float* rate;
    const float* bias;
};

__device__ __forceinline__ float sigmoid(float x) {
    return __fdividef(1.0f, 1.0f + __expf(-x));
}

__device__ __forceinline__ float silu(float x) {
    return __fdividef(x, 1.0f + __expf(-x));
}

__device__ __forceinline__ float softplus(float x) {
    return x > 20.0f ? x : log1pf(__expf(x));
}
