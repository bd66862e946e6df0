// e4m3 numbers with a scale a row. Conversions are in PTX from sm_89 on; kernels that use them are never launched on older GPUs.
#pragma once

constexpr float FP8_MAX = 448.0f;

__device__ __forceinline__ float fp8_factor(float most) {
    return most == 0.0f ? 0.0f : __fdiv_rn(FP8_MAX, most);
}

__device__ __forceinline__ float fp8_scale(float most) {
    return __fdiv_rn(most, FP8_MAX);
}

// The first value goes to the lowest byte.
__device__ __forceinline__ unsigned to_e4m3x4(float a, float b, float c, float d) {
#if __CUDA_ARCH__ >= 890
    unsigned short low, high;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(low) : "f"(b), "f"(a));
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(high) : "f"(d), "f"(c));
    return low | (unsigned)high << 16;
#else
    __trap();
    return 0;
#endif
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
