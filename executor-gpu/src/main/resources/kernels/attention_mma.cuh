// What attention_decode and attention_prefill share: tiles of padded rows in shared memory, and parts of softmax.
#pragma once
#include "attention.cuh"
#include "mma.cuh"

// 16-byte chunks of a row in shared memory.
constexpr int CHUNKS = PADDED_DIM / 8;

constexpr int SPREAD = CHUNKS % 8 == 0 ? 8 : CHUNKS % 4 == 0 ? 4 : 2;

// Byte offset of a chunk in a tile of rows. The exclusive or spreads one chunk of 8 neighbouring rows over all banks.
__device__ __forceinline__ unsigned swizzled(int row, int chunk) {
    return (row * CHUNKS + (chunk ^ (row / (8 / SPREAD) % SPREAD))) * 16;
}

// From the address of chunk 0 or 1 of a row to that of the even number of chunks on, in one operation.
__device__ __forceinline__ unsigned chunks_on(unsigned address, int chunks) {
    return (address ^ (chunks % SPREAD * 16)) + chunks / SPREAD * SPREAD * 16;
}

__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// Over the four lanes that hold a row of an mma tile.
__device__ __forceinline__ float row_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
    return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}

__device__ __forceinline__ float row_sum(float x) {
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
}

constexpr float LOG2_E = 1.4426950408889634f;
// A macro, since without CUDA's headers no constant expression gives an infinity.
#define MINUS_INFINITY __int_as_float(0xff800000)
