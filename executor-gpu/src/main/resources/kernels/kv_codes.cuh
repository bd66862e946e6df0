// KV pages of bytes. A row, a key or a value of one head and token, has a scale of its own: a power of two, the least by which no number
// of the row is larger than the largest code, kept as a byte s. So a number of a page is a bf16 number, exactly. s = 255: the row has an
// infinity or a NaN; so do its numbers.
//
// KV_CODES (compile-time) 1: e4m3, 448 at most, times 2^(s - 247). Scales are at most 2^7: larger numbers than 57,344 become it.
// KV_CODES 2: integers, a sign and a magnitude of 127 at most, times 2^(s - 196). Scales are 2^-127 to 2^58.
//
// In the place of a bf16 number the bits of an e4m3 number are 2^-120 times it, those of a magnitude a subnormal number, 2^-133 times it.
// That and the scale together are 2^(s - 127) / KV_UNIT: the first is a factor of what is read, the second is left to sums.
#pragma once
#include "fp8.cuh"

constexpr bool INTEGERS = KV_CODES == 2;
constexpr float KV_UNIT = INTEGERS ? 0x1p64f : 1.0f; // without it the factor of a number of 2 would be too large for bf16

// The byte of the scale of a row of a page; most: the bits of its largest |x|.
__device__ __forceinline__ unsigned page_scale(unsigned most) {
    // The next power where the mantissa is over that of the largest code.
    unsigned power = (most + (INTEGERS ? 0x1ffff : 0x1fffff)) >> 23;
    return power >= 255 ? 255 : INTEGERS ? min(max(power + 63, 69u), 254u) : min(max(power + 112, 127u), 254u);
}

// What numbers are multiplied by before they are rounded to such a row.
__device__ __forceinline__ float page_factor(unsigned scale) {
    return __uint_as_float(((INTEGERS ? 323 : 374) - scale) << 23);
}

// Round to nearest even, to the largest code at most; the first value goes to the lower byte. NaN as an integer is 0.
__device__ __forceinline__ unsigned to_codes(float a, float b) {
    if (!INTEGERS) return to_e4m3x2(a, b);
    auto code = [](float x) { return min(__float2uint_rn(fabsf(x)), 127u) | (__float_as_uint(x) >> 24 & 0x80); };
    return code(a) | code(b) << 8;
}

// The odd bytes of x in the places of a pair of bf16.
__device__ __forceinline__ unsigned odd_bytes(unsigned x) {
    return (INTEGERS ? x >> 8 & 0x007f007f : x >> 4 & 0x07f007f0) | (x & 0x80008000);
}

__device__ __forceinline__ unsigned even_bytes(unsigned x) {
    return (INTEGERS ? x & 0x007f007f : x << 4 & 0x07f007f0) | (x << 8 & 0x80008000);
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

// The numbers of eight bytes, in their order, over KV_UNIT.
__device__ __forceinline__ uint4 to_bf16x8(unsigned x, unsigned y, unsigned factors) {
    x = __byte_perm(x, 0, 0x3120);
    y = __byte_perm(y, 0, 0x3120);
    return make_uint4(
        multiplied(even_bytes(x), factors),
        multiplied(odd_bytes(x), factors),
        multiplied(even_bytes(y), factors),
        multiplied(odd_bytes(y), factors));
}
