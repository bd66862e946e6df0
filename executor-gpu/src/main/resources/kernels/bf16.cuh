// bfloat16 without CUDA's headers, so that a node needs only a driver and NVRTC: storage, and conversions in PTX (sm_80 on).
#pragma once

typedef unsigned short bf16;

__device__ __forceinline__ float to_float(bf16 x) {
    return __uint_as_float((unsigned)x << 16);
}

// The two halves of a packed pair.
__device__ __forceinline__ float low_float(unsigned pair) {
    return __uint_as_float(pair << 16);
}

__device__ __forceinline__ float high_float(unsigned pair) {
    return __uint_as_float(pair & 0xffff0000u);
}

// Round to nearest even; low goes to the lower 16 bits.
__device__ __forceinline__ unsigned pack(float low, float high) {
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

__device__ __forceinline__ unsigned scaled(unsigned pair, float low, float high) {
    return pack(low_float(pair) * low, high_float(pair) * high);
}

__device__ __forceinline__ bf16 to_bf16(float x) {
    bf16 y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
