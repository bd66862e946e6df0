// Programmatic dependent launch: a kernel whose file calls wait_for_kernels_before() starts while those before it in its stream still
// run, so that what starting takes, and what it reads that no kernel of its step writes, is hidden behind their ends. From sm_90 on.
#pragma once

// By every thread, before it reads or writes what other kernels of its step write or read, and before it returns: kernels after
// this one rely on its end to mean the end of all before.
__device__ __forceinline__ void wait_for_kernels_before() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;\ngriddepcontrol.wait;" ::: "memory");
#endif
}
