// Sums in fp32 of vectors of 16 bytes: of eight bf16, or of four fp32.
// Compile-time: FP32 (1: of fp32).
#pragma once
#include "bf16.cuh"

constexpr int ELEMENTS = FP32 ? 4 : 8;

#if FP32
__device__ __forceinline__ void accumulate(float* sum, uint4 v) {
    sum[0] += __uint_as_float(v.x), sum[1] += __uint_as_float(v.y);
    sum[2] += __uint_as_float(v.z), sum[3] += __uint_as_float(v.w);
}

__device__ __forceinline__ uint4 packed(const float* x, float scale) {
    return make_uint4(__float_as_uint(x[0] * scale), __float_as_uint(x[1] * scale),
                      __float_as_uint(x[2] * scale), __float_as_uint(x[3] * scale));
}
#else
__device__ __forceinline__ void accumulate(float* sum, uint4 v) {
    sum[0] += low_float(v.x), sum[1] += high_float(v.x), sum[2] += low_float(v.y), sum[3] += high_float(v.y);
    sum[4] += low_float(v.z), sum[5] += high_float(v.z), sum[6] += low_float(v.w), sum[7] += high_float(v.w);
}

__device__ __forceinline__ uint4 packed(const float* x, float scale) {
    return make_uint4(pack(x[0] * scale, x[1] * scale), pack(x[2] * scale, x[3] * scale),
                      pack(x[4] * scale, x[5] * scale), pack(x[6] * scale, x[7] * scale));
}
#endif
