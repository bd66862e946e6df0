// Programmatic dependent launch: a kernel whose file calls wait_for_kernels_before() starts while earlier kernels of its stream still run.
// Its start, and its reads of data that no kernel of its step writes, then overlap their ends. From sm_90 on.
#pragma once

// Called by every thread before it reads or writes data that other kernels of its step write or read, and before it returns: later kernels
// rely on the end of this kernel to imply the end of all earlier ones.
__device__ __forceinline__ void wait_for_kernels_before() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;\ngriddepcontrol.wait;" ::: "memory");
#endif
}
