// The GPU's clock.
#pragma once

__device__ __forceinline__ unsigned long long now() {
    unsigned long long nanos;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(nanos));
    return nanos;
}
