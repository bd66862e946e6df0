package nighttrain.executor.device.cuda;

import jcuda.CudaException;
import jcuda.driver.JCudaDriver;

/**
 * A fault inside a kernel surfaces at a later call, which had no part in it. CUDA's own variable makes every launch wait for its
 * kernel, and then the call that fails is the launch itself.
 */
final class GpuFault {
    /** Recordings, whose kernels cannot be told apart, are then left out. */
    static final boolean LAUNCHES_BLOCK = "1".equals(System.getenv("CUDA_LAUNCH_BLOCKING"));

    private GpuFault() {}

    /** {@code failure}, or one that says how to find the kernel to blame. */
    static RuntimeException explained(RuntimeException failure) {
        return LAUNCHES_BLOCK || !isContextBroken()
                ? failure
                : new IllegalStateException(
                        "a kernel failed: " + failure.getMessage()
                                + " (found out late; CUDA_LAUNCH_BLOCKING=1 in the environment names the kernel)",
                        failure);
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
