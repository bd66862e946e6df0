// e4m3 numbers with a scale a row.
//
// Rows of matrices have fp32 scales. A row of a KV page (a key or a value of one head and token) has a power of two, the least by which
// no number of the row is larger than 448, kept as the byte s: the scale is 2^(s - 247). So a number of a page is a bf16 number,
// exactly. Scales are at most 2^7: larger numbers than 57,344 become it. s = 255: the row has an infinity or a NaN; so do its numbers.
#pragma once

constexpr float FP8_MAX = 448.0f;

__device__ __forceinline__ float fp8_factor(float most) {
    return most == 0.0f ? 0.0f : __fdiv_rn(FP8_MAX, most);
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

// The byte of the scale of a row of a page; most: the bits of its largest |x|.
__device__ __forceinline__ unsigned page_scale(unsigned most) {
    unsigned power = (most + 0x1fffff) >> 23; // the next one where the mantissa is over that of 448
    return power >= 255 ? 255 : min(max(power + 112, 127u), 254u);
}

// What numbers are multiplied by before they are rounded to such a row.
__device__ __forceinline__ float page_factor(unsigned scale) {
    return __uint_as_float((374 - scale) << 23);
}

// The odd bytes of x in the places of a pair of bf16: 2^-120 times their numbers, but for the scale.
__device__ __forceinline__ unsigned odd_bytes(unsigned x) {
    return (x >> 4 & 0x07f007f0) | (x & 0x80008000);
}

__device__ __forceinline__ unsigned even_bytes(unsigned x) {
    return (x << 4 & 0x07f007f0) | (x << 8 & 0x80008000);
}

// What such pairs are multiplied by, of rows with these scales; the first is for the lower half.
__device__ __forceinline__ unsigned page_factors(unsigned first, unsigned second) {
    return first << 7 | second << 23;
}

__device__ __forceinline__ unsigned multiplied(unsigned pair, unsigned factors) {
    unsigned product;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(product) : "r"(pair), "r"(factors), "r"(0x80008000)); // plus -0
    return product;
}

// The numbers of eight bytes, in their order.
__device__ __forceinline__ uint4 to_bf16x8(unsigned x, unsigned y, unsigned factors) {
    x = __byte_perm(x, 0, 0x3120);
    y = __byte_perm(y, 0, 0x3120);
    return make_uint4(
        multiplied(even_bytes(x), factors),
        multiplied(odd_bytes(x), factors),
        multiplied(even_bytes(y), factors),
        multiplied(odd_bytes(y), factors));
}
