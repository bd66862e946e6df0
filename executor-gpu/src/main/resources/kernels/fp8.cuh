// e4m3 numbers with an fp32 scale per row.
#pragma once

constexpr float FP8_MAX = 448.0f;

// 0 for rows of zeros, and for rows whose factor would not be finite.
__device__ __forceinline__ float fp8_factor(float most) {
    return most < 0x1p-119f ? 0.0f : __fdiv_rn(FP8_MAX, most);
}

__device__ __forceinline__ float fp8_scale(float most) {
    return __fdiv_rn(most, FP8_MAX);
}

// Round to nearest even, to 448 at most; the first value goes to the lower byte. There is an instruction from sm_89 on.
__device__ __forceinline__ unsigned to_e4m3x2(float a, float b) {
#if __CUDA_ARCH__ >= 890
    unsigned short pair;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(b), "f"(a));
    return pair;
#else
    auto code = [](float x) {
        unsigned magnitude = __float_as_uint(x) & 0x7fffffff;
        unsigned normal = ((magnitude + 0x7ffff + (magnitude >> 20 & 1)) >> 20) - ((127 - 7) << 3);
        unsigned subnormal = __float2uint_rn(__uint_as_float(magnitude) * 512.0f); // 8 is the smallest normal number
        unsigned finite = magnitude >= 0x43e00000 ? 0x7e : magnitude >= 0x3c800000 ? normal : subnormal;
        return (__float_as_uint(x) >> 24 & 0x80) | (magnitude > 0x7f800000 ? 0x7f : finite);
    };
    return code(a) | code(b) << 8;
#endif
}

// The first value goes to the lowest byte.
__device__ __forceinline__ unsigned to_e4m3x4(float a, float b, float c, float d) {
    return to_e4m3x2(a, b) | to_e4m3x2(c, d) << 16;
}

// Eight values times factor.
__device__ __forceinline__ uint2 to_e4m3(const float* x, float factor) {
    return make_uint2(
        to_e4m3x4(x[0] * factor, x[1] * factor, x[2] * factor, x[3] * factor),
        to_e4m3x4(x[4] * factor, x[5] * factor, x[6] * factor, x[7] * factor));
}

// The largest x of a block of whole warps; every thread gets it. Needs 32 floats of shared memory and a barrier between uses.
__device__ __forceinline__ float block_max(float x, float* shared) {
    for (int lane = 16; lane > 0; lane >>= 1) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lane));
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    float most = threadIdx.x % 32 < blockDim.x / 32 ? shared[threadIdx.x % 32] : 0.0f;
    for (int lane = 16; lane > 0; lane >>= 1) most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, lane));
    return most;
}
