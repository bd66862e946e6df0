package nighttrain.executor.device.cuda;

import jcuda.CudaException;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.DeviceLostException;

/**
 * A fault inside a kernel surfaces at a later call, which had no part in it. CUDA's own variable makes every launch wait for its
 * kernel, and then the call that fails is the launch itself.
 */
final class GpuFault {
    /** Recordings, whose kernels cannot be told apart, are then left out. */
    static final boolean LAUNCHES_BLOCK = "1".equals(System.getenv("CUDA_LAUNCH_BLOCKING"));

    private GpuFault() {}

    /** {@code failure}; where it leaves no call to this process, one that says so and how to find the kernel to blame. */
    static RuntimeException explained(RuntimeException failure) {
        if (!isContextBroken()) {
            return failure;
        }
        String message = LAUNCHES_BLOCK
                ? failure.getMessage()
                : "a kernel failed: " + failure.getMessage()
                        + " (found out late; CUDA_LAUNCH_BLOCKING=1 in the environment names the kernel)";
        return new DeviceLostException(message, failure);
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
