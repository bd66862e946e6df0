// What kernels need that meet peers and read their memory.
// Every launch has BLOCKS blocks, needed or not: then all blocks have met equally often, and one epoch serves all kernels.
// Compile-time: RANKS, BLOCKS.
#pragma once
#include "clock.cuh"
#include "sums.cuh"

constexpr int MAX_RANKS = 8;

struct Peers {
    uint4* in[MAX_RANKS];      // what is summed: each rank's input, or where it put the sum of its own tracks
    uint4* reduced[MAX_RANKS]; // two-shot: each rank's share of the sum
    unsigned* arrived[MAX_RANKS]; // [BLOCKS][MAX_RANKS] epochs
    unsigned* epochs;             // [BLOCKS]: how often this rank's blocks have met
    const volatile int* abort;    // in host memory: set when a rank has failed
    unsigned long long* nanos;    // time spent in these kernels so far, waiting for peers included
};

__device__ __forceinline__ void release(unsigned* address, unsigned value) {
    asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}

__device__ __forceinline__ unsigned acquire(const unsigned* address) {
    unsigned value;
    asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
    return value;
}

// Meets the same block of every other rank; false where a rank has failed: then peers' memory may be gone already.
__device__ __forceinline__ bool meet(const Peers& p, int rank, unsigned epoch) {
    int failed = 0;
    __syncthreads();
    if (threadIdx.x < RANKS) {
        release(p.arrived[threadIdx.x] + blockIdx.x * MAX_RANKS + rank, epoch);
        const unsigned* mine = p.arrived[rank] + blockIdx.x * MAX_RANKS + threadIdx.x;
        for (unsigned spins = 1; (int)(acquire(mine) - epoch) < 0; spins++) {
            if (spins % 4096 == 0 && *p.abort) {
                failed = 1;
                break;
            }
        }
    }
    return !__syncthreads_or(failed);
}

// Ends a kernel: the epoch that all its meetings came to, and the time it took, by the clock of the first block.
__device__ __forceinline__ void finish(const Peers& p, unsigned epoch, unsigned long long start) {
    if (threadIdx.x == 0) p.epochs[blockIdx.x] = epoch;
    if (threadIdx.x == 0 && blockIdx.x == 0) *p.nanos += now() - start;
}

__device__ __forceinline__ uint4 sum_of_ranks(uint4* const* in, long long at, float scale) {
    uint4 parts[RANKS];
#pragma unroll
    for (int r = 0; r < RANKS; r++) parts[r] = in[r][at];
    float sum[8] = {};
#pragma unroll
    for (int r = 0; r < RANKS; r++) accumulate(sum, parts[r]);
    return packed(sum, scale);
}
