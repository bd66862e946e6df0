// Definitions that recurrences over chunks of 64 tokens share: copies of a chunk's rows, squares of tokens by tokens, and products with
// them.
#pragma once
#include "mma.cuh"

constexpr int CHUNK = 64;
constexpr int SQUARE_BYTES = CHUNK * CHUNK * 2;

// Byte offset in a bf16 square, swizzled as in shared memory. Blocks of 16 x 16 above its diagonal are not written.
__device__ __forceinline__ unsigned in_square(int row, int col) {
    return swizzled<CHUNK / 8>(row, col / 8) + col % 8 * 2;
}

// Copies PIECES pieces of 16 bytes by THREADS threads. copy(i) copies piece i.
template <int THREADS, int PIECES, typename Copy> __device__ __forceinline__ void copy_pieces(Copy copy) {
#pragma unroll
    for (int k = 0; k < (PIECES + THREADS - 1) / THREADS; k++) {
        const int i = k * THREADS + threadIdx.x;
        if (PIECES % THREADS == 0 || i < PIECES) copy(i);
    }
}

// Copies BYTES bytes as they are.
template <int THREADS, int BYTES> __device__ __forceinline__ void copy_bytes(unsigned to, const void* from) {
    copy_pieces<THREADS, BYTES / 16>([&](int i) { copy_async(to + i * 16, static_cast<const unsigned char*>(from) + i * 16, 16); });
}

// Rows of 16-byte pieces to a tile of CHUNK rows, zeros from row count on. place(row, piece): byte offset in the tile.
template <int THREADS, int PIECES, typename Place>
__device__ __forceinline__ void copy_rows(unsigned to, const bf16* from, int stride, int count, Place place) {
    copy_pieces<THREADS, CHUNK * PIECES>([&](int i) {
        const int row = i / PIECES, piece = i % PIECES;
        copy_async(to + place(row, piece), from + (row < count ? (long long)row * stride : 0) + piece * 8, row < count ? 16 : 0);
    });
}

template <int THREADS, int PIECES> __device__ __forceinline__ void copy_rows(unsigned to, const bf16* from, int stride, int count) {
    copy_rows<THREADS, PIECES>(to, from, stride, count, [](int row, int piece) { return swizzled<PIECES>(row, piece); });
}

// c[t] += sum over s <= t of a[s] square[t][s]: the blocks of 16 x 16 up to the diagonal. square: the address of this lane's row of the first.
__device__ __forceinline__ void multiply_lower(float (&c)[CHUNK / 8][4], const unsigned (&a)[CHUNK / 16][4], unsigned square) {
#pragma unroll
    for (int t = 0; t < CHUNK / 16; t++) {
#pragma unroll
        for (int s = 0; s <= t; s++) {
            unsigned b[4];
            load_matrices(b, chunks_on<CHUNK / 8>(square + t * 16 * CHUNK * 2, 2 * s));
            multiply_add(c[2 * t], a[s], b[0], b[1]);
            multiply_add(c[2 * t + 1], a[s], b[2], b[3]);
        }
    }
}

// Multiplies c's columns by factors, one per column.
template <int N> __device__ __forceinline__ void scale_columns(float (&c)[N][4], const float* factors) {
#pragma unroll
    for (int j = 0; j < N; j++) {
        const float2 factor = *reinterpret_cast<const float2*>(factors + 8 * j + threadIdx.x % 4 * 2);
#pragma unroll
        for (int e = 0; e < 4; e++) c[j][e] *= e % 2 ? factor.y : factor.x;
    }
}
