// KV pages of bytes. A row, which is a key or a value of one head and token, has its own scale: the smallest power of two for which no
// number of the row is larger than the largest code, kept as a byte s. A number of a page is thus exactly a bf16 number. s = 255: the row
// has an infinity or a NaN; so do its numbers.
//
// KV_CODES (compile-time) 1: e4m3, at most 448, times 2^(s - 247). Scales are at most 2^7: numbers larger than 57,344 become 57,344.
// KV_CODES 2: integers, a sign and a magnitude of at most 127, times 2^(s - 196). Scales are 2^-127 to 2^58.
//
// Read as a bf16 number, the bits of an e4m3 number are 2^-120 times it, and the bits of a magnitude are a subnormal number, 2^-133 times
// it. A number of a page is thus 2^(s - 127) * KV_UNIT times its bits: the first factor is applied when they are read, the second to sums.
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

// The factor by which numbers are multiplied before they are rounded to such a row.
__device__ __forceinline__ float page_factor(unsigned scale) {
    return __uint_as_float(((INTEGERS ? 323 : 374) - scale) << 23);
}

// Round to nearest even, to the largest code at most; the first value goes to the lower byte. NaN as an integer is 0.
__device__ __forceinline__ unsigned to_codes(float a, float b) {
    if (!INTEGERS) return to_e4m3x2(a, b);
    auto code = [](float x) { return min(__float2uint_rn(fabsf(x)), 127u) | (__float_as_uint(x) >> 24 & 0x80); };
    return code(a) | code(b) << 8;
}

// The odd bytes of x, placed as a pair of bf16.
__device__ __forceinline__ unsigned odd_bytes(unsigned x) {
    return (INTEGERS ? x >> 8 & 0x007f007f : x >> 4 & 0x07f007f0) | (x & 0x80008000);
}

__device__ __forceinline__ unsigned even_bytes(unsigned x) {
    return (INTEGERS ? x & 0x007f007f : x << 4 & 0x07f007f0) | (x << 8 & 0x80008000);
}

// The factors of such pairs, for rows with these scales; the first is for the lower half.
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
