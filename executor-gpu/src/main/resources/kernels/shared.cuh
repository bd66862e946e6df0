// Shared memory as PTX addresses it.
#pragma once

__device__ __forceinline__ unsigned shared_address(const void* x) {
    return (unsigned)__cvta_generic_to_shared(x);
}
