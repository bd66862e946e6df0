// Definitions that recurrent layers share: the states of a step's sequences, and the gates.
// Compile-time: BF16_STATES (1: states are kept in bf16; if it is not defined, in fp32).
#pragma once
#include "bf16.cuh"

#ifndef BF16_STATES
#define BF16_STATES 0
#endif

#if BF16_STATES
typedef bf16 StateElement;
#else
typedef float StateElement;
#endif

// States of one layer. t: track, s: sequence.
struct States {
    StateElement* slots;     // [t][slot][elements]
    long long track_stride;  // in elements
    const int* of_sequences; // [s]: the slot of s; ~slot where s begins with this step: its state is then empty, whatever the slot holds
    int elements;

    __device__ __forceinline__ bool begins(int sequence) const {
        return of_sequences[sequence] < 0;
    }
    __device__ __forceinline__ StateElement* of(int track, int sequence) const {
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

__device__ __forceinline__ float from_state(float x) {
    return x;
}

__device__ __forceinline__ float from_state(bf16 x) {
    return to_float(x);
}

__device__ __forceinline__ StateElement to_state(float x) {
#if BF16_STATES
    return to_bf16(x);
#else
    return x;
#endif
}
