// Hopper's tensor cores and the operations around them, in PTX (sm_90a): barriers, rings of tiles, clusters, tensor maps, swizzled
// operands, wgmma.
#pragma once
#include "shared.cuh"

// ---- warpgroups: 4 warps, from a multiple of 4 on

// Registers per thread. All warps of a warpgroup call this, on a separate branch.
template <int REGISTERS> __device__ __forceinline__ void give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

template <int REGISTERS> __device__ __forceinline__ void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(REGISTERS));
}

// One of 16 named barriers (0 is __syncthreads) for this many threads together; arrive does not wait.
__device__ __forceinline__ void named_barrier_sync(int barrier, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

__device__ __forceinline__ void named_barrier_arrive(int barrier, int threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

__device__ __forceinline__ void store_shared(unsigned to, unsigned x) {
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(to), "r"(x) : "memory");
}

__device__ __forceinline__ int4 load_shared_16(unsigned from) {
    int4 x;
    asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w)
                 : "r"(from)
                 : "memory");
    return x;
}

// Stores four 8 x 8 arrays of 16 bits, which a warp holds in the layout of mma's results, each transposed: lane l gives the address of
// column l % 8 of array l / 8.
__device__ __forceinline__ void store_matrices_transposed(unsigned to, unsigned a, unsigned b, unsigned c, unsigned d) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(a), "r"(b),
                 "r"(c), "r"(d)
                 : "memory");
}

// ---- mbarriers: a phase ends once all its arrivals have come, and the phase before the first one counts as ended

__device__ __forceinline__ void barrier_init(unsigned barrier, int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

__device__ __forceinline__ void barrier_arrive(unsigned barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// Arrives once the copy_asyncs of this thread so far have landed.
__device__ __forceinline__ void barrier_arrive_after_copies(unsigned barrier) {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
}

__device__ __forceinline__ void barrier_wait(unsigned barrier, int parity) {
    int done;
    do {
        asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.s32 %0, 1, 0, p; }"
                     : "=r"(done)
                     : "r"(barrier), "r"(parity)
                     : "memory");
    } while (!done);
}

// Makes this thread's writes to shared memory, or writes it has seen, visible to the wgmmas and tile stores that it issues next, or that
// other threads issue after a barrier (another proxy).
__device__ __forceinline__ void fence_async_proxy() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Tiles in shared memory that some threads copy in and some warps read: tile n lies in stage n % STAGES.
template <int STAGES, int TILE_BYTES> struct Ring {
    unsigned tiles, full, empty; // STAGES tiles, STAGES mbarriers, STAGES mbarriers

    __device__ __forceinline__ void init(int copying_threads, int reading_warps) const {
        for (int i = 0; i < STAGES; i++) {
            barrier_init(full + i * 8, copying_threads);
            barrier_init(empty + i * 8, reading_warps);
        }
    }
    __device__ __forceinline__ unsigned tile(int n) const {
        return tiles + n % STAGES * TILE_BYTES;
    }
    __device__ __forceinline__ void wait_empty(int n) const {
        barrier_wait(empty + n % STAGES * 8, n / STAGES % 2 ^ 1);
    }
    __device__ __forceinline__ void fill(int n) const { // once this thread's copies have landed
        barrier_arrive_after_copies(full + n % STAGES * 8);
    }
    __device__ __forceinline__ void wait_full(int n) const {
        barrier_wait(full + n % STAGES * 8, n / STAGES % 2);
        fence_async_proxy();
    }
    __device__ __forceinline__ void release(int n) const {
        if (threadIdx.x % 32 == 0) {
            barrier_arrive(empty + n % STAGES * 8);
        }
    }
};

// ---- clusters: blocks that read each other's shared memory

__device__ __forceinline__ int cluster_rank() {
    int rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ __forceinline__ void cluster_sync() {
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// Makes barrier_init visible to the other blocks after the next cluster_sync.
__device__ __forceinline__ void fence_barrier_init() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

// Arrives at the same barrier of another block. (With .release.cluster it waits for a fence, and a matmul takes a quarter longer.)
__device__ __forceinline__ void barrier_arrive_at(unsigned barrier, int rank) {
    asm volatile("{ .reg .b32 there; mapa.shared::cluster.u32 there, %0, %1; "
                 "mbarrier.arrive.shared::cluster.b64 _, [there]; }" ::"r"(barrier), "r"(rank)
                 : "memory");
}

// Loads from the same place in the shared memory of another block, or of this one.
__device__ __forceinline__ float4 load_shared_16_of(unsigned from, int rank) {
    float4 x;
    asm volatile("{ .reg .b32 there; mapa.shared::cluster.u32 there, %4, %5; "
                 "ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [there]; }"
                 : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w)
                 : "r"(from), "r"(rank)
                 : "memory");
    return x;
}

// ---- tensor maps: tiles of a matrix [tracks, rows, cols] that the copy engine fetches, zeros past its ends

struct alignas(64) TensorMap { // a CUtensorMap
    unsigned char opaque[128];
};

// Prefetches a map before it is needed, since the first use takes longer.
__device__ __forceinline__ void prefetch_map(const TensorMap& map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

// Arrives, and makes the phase also wait for this many bytes of tiles.
__device__ __forceinline__ void barrier_expect(unsigned barrier, int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

__device__ __forceinline__ void copy_tile(unsigned to, const TensorMap& from, int track, int row, int col,
                                          unsigned barrier) {
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %4, %5}], [%2];" ::"r"(to), "l"(&from), "r"(barrier), "r"(col), "r"(row), "r"(track)
                 : "memory");
}

// Copies from a tensor whose rows lie in groups of 8 of several parts, [tracks, groups, parts, 8, cols]: groups from this one on.
__device__ __forceinline__ void copy_groups(unsigned to, const TensorMap& from, int track, int group, int col,
                                            unsigned barrier) {
    asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, %6, %6, %4, %5}], [%2];" ::"r"(to), "l"(&from), "r"(barrier), "r"(col), "r"(group),
                 "r"(track), "r"(0)
                 : "memory");
}

// Copies to the same place, and signals the same barrier, in every block of the cluster.
__device__ __forceinline__ void copy_tile_to_cluster(unsigned to, const TensorMap& from, int track, int row, int col,
                                                     unsigned barrier, int blocks) {
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
                 "[%0], [%1, {%3, %4, %5}], [%2], %6;" ::"r"(to), "l"(&from), "r"(barrier), "r"(col), "r"(row),
                 "r"(track), "h"((unsigned short)((1 << blocks) - 1))
                 : "memory");
}

// Stores a tile; rows and columns outside the tensor are not written.
__device__ __forceinline__ void store_tile(const TensorMap& to, unsigned from, int track, int row, int col) {
    asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(&to), "r"(from),
                 "r"(col), "r"(row), "r"(track)
                 : "memory");
}

__device__ __forceinline__ void commit_stores() {
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

// Waits until the stores that this thread has committed have read shared memory.
__device__ __forceinline__ void wait_stores_read() {
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

// Stages that the copy engine fills for the WARPS computing warps of each of a cluster's BLOCKS. n counts on; its stage is n % STAGES.
template <int STAGES, int STAGE_BYTES, int WARPS, int BLOCKS> struct FetchedStages {
    unsigned tiles, full, empty; // STAGES stages, STAGES mbarriers, STAGES mbarriers

    __device__ __forceinline__ void init() const {
        for (int i = 0; i < STAGES; i++) {
            barrier_init(full + 8 * i, 1);
            barrier_init(empty + 8 * i, WARPS * BLOCKS);
        }
        fence_barrier_init();
    }
    __device__ __forceinline__ unsigned at(int n) const {
        return tiles + n % STAGES * STAGE_BYTES;
    }
    __device__ __forceinline__ unsigned arrival(int n) const {
        return full + 8 * (n % STAGES);
    }
    // bytes: that will be copied there
    __device__ __forceinline__ void expect(int n, int bytes) const {
        barrier_wait(empty + 8 * (n % STAGES), n / STAGES % 2 ^ 1);
        barrier_expect(arrival(n), bytes);
    }
    __device__ __forceinline__ void wait_full(int n) const {
        barrier_wait(arrival(n), n / STAGES % 2);
    }
    __device__ __forceinline__ void release(int n) const { // in all blocks: each fills a part of all
        if (BLOCKS == 1 && threadIdx.x % 32 == 0) {
            barrier_arrive(empty + 8 * (n % STAGES));
        }
        if (BLOCKS > 1 && threadIdx.x % 32 < BLOCKS) {
            barrier_arrive_at(empty + 8 * (n % STAGES), threadIdx.x % 32);
        }
    }
};

// ---- operands in shared memory: arrays of rows of 128 bytes, their 16-byte chunks swizzled; wider rows span arrays

// Byte offset of a chunk of a row in a tile of that many rows. The tile starts at a multiple of 1024 bytes.
__device__ __forceinline__ int swizzled_128(int rows, int row, int chunk) {
    return (chunk / 8 * rows + row) * 128 + (chunk % 8 ^ row % 8) * 16;
}

// next_array: bytes from one array to the next, if wgmma's rows or columns are contiguous instead of the inputs that it sums over.
__device__ __forceinline__ unsigned long long matrix_descriptor(unsigned address, int next_array) {
    constexpr unsigned long long SWIZZLE_128 = 1ull << 62, NEXT_8_ROWS = (1024ull >> 4) << 32;
    return (address >> 4) | (unsigned long long)(next_array >> 4) << 16 | NEXT_8_ROWS | SWIZZLE_128;
}

// ---- wgmma: d = a b or d += a b by a warpgroup (128 threads), d of 64 x N float, a of 64 x 16 and b of 16 x N bf16, or of
// 64 x 32 and 32 x N e4m3: 32 bytes of either.
// Warp w holds rows 16 w on; its lane l rows l / 4 and l / 4 + 8 (r = 0, 1) and of each 8 columns j the two (e) from
// l % 4 * 2: element (r, j, e) is d[4 * j + 2 * r + e]. In registers, a is as for mma.m16n8k16.

#define F4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define F8(d) F4(d, 0), F4(d, 4)
#define F16(d) F8(d), F4(d, 8), F4(d, 12)
#define F24(d) F16(d), F4(d, 16), F4(d, 20)
#define F32(d) F24(d), F4(d, 24), F4(d, 28)
#define F40(d) F32(d), F4(d, 32), F4(d, 36)
#define F48(d) F40(d), F4(d, 40), F4(d, 44)
#define F56(d) F48(d), F4(d, 48), F4(d, 52)
#define F64(d) F56(d), F4(d, 56), F4(d, 60)
#define F72(d) F64(d), F4(d, 64), F4(d, 68)
#define F80(d) F72(d), F4(d, 72), F4(d, 76)
#define F88(d) F80(d), F4(d, 80), F4(d, 84)
#define F96(d) F88(d), F4(d, 88), F4(d, 92)
#define F104(d) F96(d), F4(d, 96), F4(d, 100)
#define F112(d) F104(d), F4(d, 104), F4(d, 108)
#define F120(d) F112(d), F4(d, 112), F4(d, 116)
#define F128(d) F120(d), F4(d, 120), F4(d, 124)
#define D8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define D16 D8 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define D24 D16 ", %16, %17, %18, %19, %20, %21, %22, %23"
#define D32 D24 ", %24, %25, %26, %27, %28, %29, %30, %31"
#define D40 D32 ", %32, %33, %34, %35, %36, %37, %38, %39"
#define D48 D40 ", %40, %41, %42, %43, %44, %45, %46, %47"
#define D56 D48 ", %48, %49, %50, %51, %52, %53, %54, %55"
#define D64 D56 ", %56, %57, %58, %59, %60, %61, %62, %63"
#define D72 D64 ", %64, %65, %66, %67, %68, %69, %70, %71"
#define D80 D72 ", %72, %73, %74, %75, %76, %77, %78, %79"
#define D88 D80 ", %80, %81, %82, %83, %84, %85, %86, %87"
#define D96 D88 ", %88, %89, %90, %91, %92, %93, %94, %95"
#define D104 D96 ", %96, %97, %98, %99, %100, %101, %102, %103"
#define D112 D104 ", %104, %105, %106, %107, %108, %109, %110, %111"
#define D120 D112 ", %112, %113, %114, %115, %116, %117, %118, %119"
#define D128 D120 ", %120, %121, %122, %123, %124, %125, %126, %127"

// B_ROWS: b's rows of 128 bytes run along its columns (as values do, summed over tokens) instead of along the 16 inputs.
template <bool ADD, bool B_ROWS>
__device__ __forceinline__ void wgmma(float (&d)[64], const unsigned (&a)[4], unsigned long long b) {
    asm volatile("{ .reg .pred p; setp.ne.s32 p, %69, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" D64
                 "}, {%64, %65, %66, %67}, %68, p, 1, 1, %70; }"
                 : F64(d)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"((int)ADD), "n"((int)B_ROWS));
}

template <bool ADD, bool B_ROWS>
__device__ __forceinline__ void wgmma(float (&d)[32], const unsigned (&a)[4], unsigned long long b) {
    asm volatile("{ .reg .pred p; setp.ne.s32 p, %37, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" D32
                 "}, {%32, %33, %34, %35}, %36, p, 1, 1, %38; }"
                 : F32(d)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"((int)ADD), "n"((int)B_ROWS));
}

// As above with a in shared memory, whose rows run along the inputs.
template <bool ADD, bool B_ROWS>
__device__ __forceinline__ void wgmma(float (&d)[64], unsigned long long a, unsigned long long b) {
    asm volatile("{ .reg .pred p; setp.ne.s32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" D64
                 "}, %64, %65, p, 1, 1, 0, %67; }"
                 : F64(d)
                 : "l"(a), "l"(b), "n"((int)ADD), "n"((int)B_ROWS));
}

// wgmma of COLS columns, 16 to 256: the first COLS / 2 of d's elements. d = a b if add is 0, which is a run-time value.
template <int COLS, bool E4M3, int SIZE>
__device__ __forceinline__ void wgmma_cols(float (&d)[SIZE], unsigned long long a, unsigned long long b, int add) {
    static_assert(COLS % 16 == 0 && COLS <= 2 * SIZE && COLS <= 256, "whole pairs of 8 columns");
#define WGMMA(N, REGISTERS, A, B, ADD, ...) \
    if constexpr (COLS == N && E4M3) { \
        asm volatile("{ .reg .pred p; setp.ne.s32 p, " ADD ", 0; wgmma.mma_async.sync.aligned.m64n" #N \
                     "k32.f32.e4m3.e4m3 {" REGISTERS "}, " A ", " B ", p, 1, 1; }" \
                     : __VA_ARGS__ \
                     : "l"(a), "l"(b), "r"(add)); \
    } else if constexpr (COLS == N) { \
        asm volatile("{ .reg .pred p; setp.ne.s32 p, " ADD ", 0; wgmma.mma_async.sync.aligned.m64n" #N \
                     "k16.f32.bf16.bf16 {" REGISTERS "}, " A ", " B ", p, 1, 1, 0, 0; }" \
                     : __VA_ARGS__ \
                     : "l"(a), "l"(b), "r"(add)); \
    }
    WGMMA(16, D8, "%8", "%9", "%10", F8(d))
    WGMMA(32, D16, "%16", "%17", "%18", F16(d))
    WGMMA(48, D24, "%24", "%25", "%26", F24(d))
    WGMMA(64, D32, "%32", "%33", "%34", F32(d))
    WGMMA(80, D40, "%40", "%41", "%42", F40(d))
    WGMMA(96, D48, "%48", "%49", "%50", F48(d))
    WGMMA(112, D56, "%56", "%57", "%58", F56(d))
    WGMMA(128, D64, "%64", "%65", "%66", F64(d))
    WGMMA(144, D72, "%72", "%73", "%74", F72(d))
    WGMMA(160, D80, "%80", "%81", "%82", F80(d))
    WGMMA(176, D88, "%88", "%89", "%90", F88(d))
    WGMMA(192, D96, "%96", "%97", "%98", F96(d))
    WGMMA(208, D104, "%104", "%105", "%106", F104(d))
    WGMMA(224, D112, "%112", "%113", "%114", F112(d))
    WGMMA(240, D120, "%120", "%121", "%122", F120(d))
    WGMMA(256, D128, "%128", "%129", "%130", F128(d))
#undef WGMMA
}

#undef F4
#undef F8
#undef F16
#undef F24
#undef F32
#undef F40
#undef F48
#undef F56
#undef F64
#undef F72
#undef F80
#undef F88
#undef F96
#undef F104
#undef F112
#undef F120
#undef F128
#undef D8
#undef D16
#undef D24
#undef D32
#undef D40
#undef D48
#undef D56
#undef D64
#undef D72
#undef D80
#undef D88
#undef D96
#undef D104
#undef D112
#undef D120
#undef D128

// Required before a wgmma that reads registers written since the last one.
__device__ __forceinline__ void wgmma_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

// Closes a group of the wgmmas since the last commit.
__device__ __forceinline__ void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Waits until all but the latest PENDING groups are done.
template <int PENDING> __device__ __forceinline__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}

// As above; d is named so that the compiler reads it only after the wait.
template <int PENDING, int N> __device__ __forceinline__ void wgmma_wait(float (&d)[N]) {
    wgmma_wait<PENDING>();
#pragma unroll
    for (int i = 0; i < N; i++) {
        asm volatile("" : "+f"(d[i])::"memory");
    }
}

// Multiplies a warpgroup's 64 rows of a by b's columns: d = the sum over the stages n .. n + steps - 1, of 128 bytes of inputs each. cols,
// a multiple of 16, says how many of COLS columns are computed. Stages: its a(stage, warpgroup) and b(stage) return addresses; its stages
// are waited for and released one by one.
template <int COLS, bool E4M3, int SIZE, typename Stages>
__device__ __forceinline__ void wgmma_stages(float (&d)[SIZE], const Stages& stages, int n, int steps, int cols, int warpgroup) {
    if constexpr (COLS > 16) {
        if (cols < COLS) {
            wgmma_stages<COLS - 16, E4M3>(d, stages, n, steps, cols, warpgroup);
            return;
        }
    }
    for (int k = 0; k < steps; k++, n++) {
        stages.wait_full(n);
        const unsigned long long a = matrix_descriptor(stages.a(n, warpgroup), 0);
        const unsigned long long b = matrix_descriptor(stages.b(n), 0);
        wgmma_fence();
#pragma unroll
        for (int i = 0; i < 4; i++) {
            wgmma_cols<COLS, E4M3>(d, a + i * 32 / 16, b + i * 32 / 16, k + i);
        }
        wgmma_commit();
        if (k > 0) { // the stage before is read once the group before is done
            wgmma_wait<1>();
            stages.release(n - 1);
        }
    }
    wgmma_wait<0>(d);
    stages.release(n - 1);
}
