// Asynchronous copies to shared memory, and tensor cores, as on every GPU from sm_80 on.
#pragma once
#include "bf16.cuh"
#include "shared.cuh"

// Copies 16 bytes from device to shared memory asynchronously; bytes = 0 reads nothing and writes zeros.
__device__ __forceinline__ void copy_async(unsigned to, const void* from, int bytes) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

__device__ __forceinline__ void copy_async_4(unsigned to, const void* from, int bytes) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

__device__ __forceinline__ void store_chunk(unsigned to, const unsigned (&x)[4]) {
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]) : "memory");
}

__device__ __forceinline__ void commit_copies() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until all but the latest PENDING groups of this thread are copied.
template <int PENDING> __device__ __forceinline__ void wait_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Four 8 x 8 matrices; lane l gives the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ void load_matrices(unsigned (&x)[4], unsigned row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(row)
                 : "memory");
}

__device__ __forceinline__ void load_matrices_transposed(unsigned (&x)[4], unsigned row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(row)
                 : "memory");
}

// Transposes an 8 x 8 matrix: lane l holds row l / 4, columns l % 4 * 2 and the next, before and after.
__device__ __forceinline__ unsigned transposed(unsigned x) {
    unsigned y;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(y) : "r"(x));
    return y;
}

// c[16 x 8] += a[16 x 16] b[16 x 8]. Lane l holds c's rows l / 4 (c[0], c[1]) and l / 4 + 8, columns l % 4 * 2 and
// the next.
__device__ __forceinline__ void multiply_add(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <int OF_ROW> constexpr int SPREAD = OF_ROW % 8 == 0 ? 8 : OF_ROW % 4 == 0 ? 4 : OF_ROW % 2 == 0 ? 2 : 1;

// Byte offset of a 16-byte chunk in a tile of rows of OF_ROW of them. The exclusive or spreads one chunk of 8 neighbouring rows over all
// banks.
template <int OF_ROW> __device__ __forceinline__ unsigned swizzled(int row, int chunk) {
    return (row * OF_ROW + (chunk ^ (row / (8 / SPREAD<OF_ROW>) % SPREAD<OF_ROW>))) * 16;
}

// The address of the chunk an even number of chunks after chunk 0 or 1 of a row, from that chunk's address, in one operation.
template <int OF_ROW> __device__ __forceinline__ unsigned chunks_on(unsigned address, int chunks) {
    return (address ^ (chunks % SPREAD<OF_ROW> * 16)) + chunks / SPREAD<OF_ROW> * SPREAD<OF_ROW> * 16;
}

__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

constexpr float LOG2_E = 1.4426950408889634f;
