package nighttrain.executor.device.cuda;

import jcuda.CudaException;
import jcuda.driver.JCudaDriver;

/**
 * What is known of a CUDA call that failed. A fault inside a kernel surfaces at a later call, which had no part in it; CUDA's own
 * variable makes every launch wait, and then the failing call is the launch itself.
 */
final class GpuFault {
    /** Launches wait for their kernels; recordings, whose kernels have no names, are then left out. */
    static final boolean LAUNCHES_BLOCK = "1".equals(System.getenv("CUDA_LAUNCH_BLOCKING"));

    private GpuFault() {}

    /** {@code call} names what was asked of the GPU. */
    static IllegalStateException of(String call, CudaException cause) {
        return LAUNCHES_BLOCK || !isContextBroken()
                ? new IllegalStateException(call + " failed (" + cause.getMessage() + ")", cause)
                : new IllegalStateException(
                        "a kernel failed before " + call + ": " + cause.getMessage()
                                + " (found out late; CUDA_LAUNCH_BLOCKING=1 in the environment names the kernel)",
                        cause);
    }

    /** After a fault in a kernel no call to its context succeeds. */
    private static boolean isContextBroken() {
        try {
            JCudaDriver.cuMemGetInfo(new long[1], new long[1]);
            return false;
        } catch (CudaException e) {
            return true;
        }
    }
}
