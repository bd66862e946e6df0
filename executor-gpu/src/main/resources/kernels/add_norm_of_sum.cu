// x += sum of in over ranks; out = norm(x), as norm.cu does: the one-shot sum of all_reduce.cu that writes no sum. A row to a block, so
// that the norm's sums have the order, and its results the bits, of norm.cu's.
// Bytes per row: over NVLink RANKS - 1 rows; at home in and x read, x and out written, where sum and norm apart write and read the
// sum once more and cost another launch.
// Compile-time: RANKS, BLOCKS, and of norm.cuh with VECTOR 8.
#include "norm.cuh"
#include "peers.cuh"

struct SummedRow {
    static constexpr bool ADDS = true;
    uint4* const* in;
    long long first;
    __device__ __forceinline__ void operator()(Vector& x, int vector) const {
        uint4 sum = sum_of_ranks(in, first + vector, 1.0f);
        add(x, reinterpret_cast<const Vector&>(sum));
    }
};

struct NormOfSum {
    Peers peers;
    int rows;
    int rank;
    Normed normed;
};

extern "C" __global__ void __launch_bounds__(THREADS, 1) add_norm_of_sum(const NormOfSum s) {
    unsigned long long start = now();
    unsigned epoch = s.peers.epochs[blockIdx.x];
    uint4* in[RANKS];
#pragma unroll
    for (int r = 0; r < RANKS; r++) in[r] = s.peers.in[r];
    if (!meet(s.peers, s.rank, epoch + 1)) return;
    for (int row = blockIdx.x; row < s.rows; row += BLOCKS) {
        norm_row(s.normed, row, 0, SummedRow{in, (long long)row * VECTORS});
        __syncthreads();
    }
    finish(s.peers, epoch + 3, start); // odd, as sums
}
