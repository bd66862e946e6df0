// Definitions that attention_decode and attention_prefill share: tiles of padded rows in shared memory, and parts of softmax.
#pragma once
#include "attention.cuh"
#include "mma.cuh"

// 16-byte chunks of a row in shared memory.
constexpr int CHUNKS = PADDED_DIM / 8;
constexpr int KV_CHUNKS = PADDED_DIM * (int)sizeof(Kv) / 16; // as rows lie in pages

__device__ __forceinline__ unsigned swizzled(int row, int chunk) {
    return swizzled<CHUNKS>(row, chunk);
}

__device__ __forceinline__ unsigned chunks_on(unsigned address, int chunks) {
    return chunks_on<CHUNKS>(address, chunks);
}

// The maximum over the four lanes that hold a row of an mma tile.
__device__ __forceinline__ float row_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
    return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}

__device__ __forceinline__ float row_sum(float x) {
    x += __shfl_xor_sync(~0u, x, 1);
    return x + __shfl_xor_sync(~0u, x, 2);
}

// A macro, since without CUDA's headers no constant expression gives an infinity.
#define MINUS_INFINITY __int_as_float(0xff800000)
