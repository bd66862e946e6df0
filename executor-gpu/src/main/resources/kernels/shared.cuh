// Shared memory as PTX addresses it.
#pragma once

__device__ __forceinline__ unsigned shared_address(const void* x) {
    return (unsigned)__cvta_generic_to_shared(x);
}

__device__ __forceinline__ unsigned load_shared_byte(unsigned from) {
    unsigned x;
    asm volatile("ld.shared.u8 %0, [%1];" : "=r"(x) : "r"(from) : "memory");
    return x;
}

__device__ __forceinline__ void store_shared_16(unsigned to, uint4 x) {
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(x.x), "r"(x.y), "r"(x.z), "r"(x.w)
                 : "memory");
}
