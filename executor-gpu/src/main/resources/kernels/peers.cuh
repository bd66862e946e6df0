// Lets ranks synchronise by epochs in each other's memory, and add values from there. A launch meets at every one of BLOCKS places, and all
// launches meet equally often, so that one epoch serves all kernels. With fewer blocks, each block serves several places. With more,
// several blocks share a place and write the same value there: such a launch meets once, before it reads data that was complete before it
// began.
// Compile-time: RANKS, BLOCKS (meeting places), MOST_BLOCKS (of a launch), FP32 as sums.cuh.
#pragma once
#include "clock.cuh"
#include "sums.cuh"

constexpr int MAX_RANKS = 8;

struct Peers {
    uint4* in[MAX_RANKS];      // what is summed: each rank's input, or where it put the sum of its own tracks
    uint4* reduced[MAX_RANKS]; // two-shot: each rank's share of the sum
    unsigned* arrived[MAX_RANKS]; // [BLOCKS][MAX_RANKS] epochs
    unsigned* epochs;             // [MOST_BLOCKS]: how often this rank's blocks have met
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

// Meets the same block of every other rank at this block's places; returns false if a rank has failed: peers' memory may then be freed
// already.
__device__ __forceinline__ bool meet(const Peers& p, int rank, unsigned epoch) {
    int failed = 0;
    __syncthreads();
    int place = blockIdx.x % BLOCKS + threadIdx.x / RANKS * gridDim.x, peer = threadIdx.x % RANKS;
    if (place < BLOCKS) {
        release(p.arrived[peer] + place * MAX_RANKS + rank, epoch);
        const unsigned* mine = p.arrived[rank] + place * MAX_RANKS + peer;
        for (unsigned spins = 1; (int)(acquire(mine) - epoch) < 0; spins++) {
            if (spins % 4096 == 0 && *p.abort) {
                failed = 1;
                break;
            }
        }
    }
    return !__syncthreads_or(failed);
}

// Ends a kernel: stores the epoch after all its meetings, and adds the time it took, by the clock of the first block.
__device__ __forceinline__ void finish(const Peers& p, unsigned epoch, unsigned long long start) {
    for (int block = blockIdx.x + threadIdx.x * gridDim.x; block < MOST_BLOCKS; block += blockDim.x * gridDim.x) {
        p.epochs[block] = epoch;
    }
    if (threadIdx.x == 0 && blockIdx.x == 0) *p.nanos += now() - start;
}

struct Parts {
    uint4 of[RANKS];
};

__device__ __forceinline__ Parts load_parts(uint4* const* in, long long at) {
    Parts parts;
#pragma unroll
    for (int r = 0; r < RANKS; r++) parts.of[r] = in[r][at];
    return parts;
}

__device__ __forceinline__ uint4 sum_of(const Parts& parts, float scale) {
    float sum[ELEMENTS] = {};
#pragma unroll
    for (int r = 0; r < RANKS; r++) accumulate(sum, parts.of[r]);
    return packed(sum, scale);
}
