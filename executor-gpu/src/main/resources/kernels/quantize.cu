// Rows in 8 bits, as defined in quantize.cuh.
// Grid: (rows, tracks); a row stays in registers between its two passes. Bytes per row: x read, a byte per element written.
// silu_mul_quantize_rows: out = silu(gate) * up of rows that hold gate and up side by side, in bf16 and in 8 bits.
// Compile-time: COLS, a multiple of 8; THREADS.
#define VECTOR 8
#include "launch.cuh"
#include "quantize.cuh"

__device__ __forceinline__ float largest(const Vector& v, float most) {
    for (int i = 0; i < VECTOR; i++) most = fmaxf(most, fabsf(to_float(v.at[i])));
    return most;
}

extern "C" __global__ void __launch_bounds__(THREADS) quantize_rows(
        unsigned char* codes, float* scales, int capacity_rows, const bf16* x, long long x_track_stride) {
    wait_for_kernels_before();
    const bf16* from = x + blockIdx.y * x_track_stride + (long long)blockIdx.x * COLS;
    Vector row[PER_THREAD];
    float most = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        row[k] = load(from, v);
        most = largest(row[k], most);
    }
    write_codes(codes, scales, capacity_rows, blockIdx.x, row, most);
}

extern "C" __global__ void __launch_bounds__(THREADS) silu_mul_quantize_rows(
        unsigned char* codes, float* scales, int capacity_rows, bf16* out, long long out_track_stride,
        const bf16* gate_up, long long gate_up_track_stride) {
    wait_for_kernels_before();
    const bf16* from = gate_up + blockIdx.y * gate_up_track_stride + 2LL * blockIdx.x * COLS;
    bf16* to = out + blockIdx.y * out_track_stride + (long long)blockIdx.x * COLS;
    Vector row[PER_THREAD];
    float most = 0;
#pragma unroll
    for (int k = 0; k < PER_THREAD; k++) {
        int v = k * THREADS + threadIdx.x;
        if (v >= VECTORS) break;
        Vector gate = load(from, v), up = load(from + COLS, v);
        for (int i = 0; i < VECTOR; i++) {
            float g = to_float(gate.at[i]);
            row[k].at[i] = to_bf16(__fdividef(g, 1.0f + __expf(-g)) * to_float(up.at[i]));
        }
        store(to, v, row[k]);
        most = largest(row[k], most);
    }
    write_codes(codes, scales, capacity_rows, blockIdx.x, row, most);
}
