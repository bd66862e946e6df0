// Rows in vectors of VECTOR elements (compile-time: 8, or 1 where a row's length is no multiple of 8), so that a thread moves
// 16 bytes at a time.
#pragma once
#include "bf16.cuh"

struct __align__(2 * VECTOR) Vector {
    bf16 at[VECTOR];
};

__device__ __forceinline__ Vector load(const bf16* row, int vector) {
    return reinterpret_cast<const Vector*>(row)[vector];
}

__device__ __forceinline__ void store(bf16* row, int vector, const Vector& v) {
    reinterpret_cast<Vector*>(row)[vector] = v;
}

// The sum of x over a block of whole warps; every thread gets it. Needs 32 floats of shared memory and a barrier between uses.
__device__ __forceinline__ float block_sum(float x, float* shared) {
    for (int lane = 16; lane > 0; lane >>= 1) x += __shfl_xor_sync(0xffffffffu, x, lane);
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    float sum = threadIdx.x % 32 < blockDim.x / 32 ? shared[threadIdx.x % 32] : 0.0f;
    for (int lane = 16; lane > 0; lane >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, lane);
    return sum;
}
