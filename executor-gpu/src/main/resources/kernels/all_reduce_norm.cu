// x += sum of in over all ranks; out = norm(x), with one track. The result has the same bits as all_reduce.cu followed by add_norm_rows of
// norm.cu. One-shot: every rank reads all of every peer. A block takes a row at a time.
// Grid: BLOCKS to MOST_BLOCKS.
// All of its time counts as communication, including the norm's part.
// Bytes per row: in of every rank and x read, x and out written; (RANKS - 1) of in over NVLink.
// Compile-time: RANKS, BLOCKS, MOST_BLOCKS, FP32 (0) as all_reduce.cu; VECTOR (8), COLS, THREADS, LAYER, QUANTIZE as norm.cu.
#include "launch.cuh"
#include "norm.cuh"
#include "peers.cuh"

constexpr int RESIDENT = RANKS * PER_THREAD <= 8 ? 2 : 1; // blocks of a multiprocessor: all vectors of a row are under way together

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)
    all_reduce_add_norm_rows(const Peers p, int rank, int rows, const Normed n) {
    Weights w;
    load_weights(w, n);
    wait_for_kernels_before();
    unsigned long long start = now();
    unsigned epoch = p.epochs[blockIdx.x];
    if (!meet(p, rank, epoch + 1)) return;
    for (int row = blockIdx.x; row < rows; row += gridDim.x) {
        norm_row<true, Parts>(
            n, w, row, [&](int v) { return load_parts(p.in, (long long)row * VECTORS + v); },
            [](const Parts& parts) {
                uint4 sum = sum_of(parts, 1.0f);
                return reinterpret_cast<const Vector&>(sum);
            });
        __syncthreads();
    }
    finish(p, epoch + 3, start); // as many as sums have, odd
}
