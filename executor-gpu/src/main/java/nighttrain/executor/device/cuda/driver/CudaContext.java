package nighttrain.executor.device.cuda.driver;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;

import jcuda.CudaException;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** One GPU's primary context, which libraries on the runtime API share. */
public final class CudaContext {
    private final int ordinal;
    private final CUdevice device = new CUdevice();
    private final CUcontext context = new CUcontext();

    public CudaContext(int ordinal) {
        this.ordinal = ordinal;
        JCudaDriver.cuDeviceGet(device, ordinal);
        try {
            JCudaDriver.cuDevicePrimaryCtxRetain(context, device);
        } catch (CudaException e) {
            throw new IllegalStateException(
                    "GPU " + ordinal + " cannot be used by this process: " + e.getMessage()
                            + " (after a kernel's bad access no GPU works in the same process any more; start a new one)",
                    e);
        }
    }

    public int ordinal() {
        return ordinal;
    }

    /** Makes this GPU the current one of the calling thread. */
    public void makeCurrent() {
        JCudaDriver.cuCtxSetCurrent(context);
    }

    public int multiprocessors() {
        return attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    }

    /** Most shared memory of a block. */
    public int sharedBytes() {
        return attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    }

    public int computeCapability() {
        return 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                + attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    }

    /** Returns whether kernels with instructions that only Hopper has (sm_90a) run on this GPU. */
    public boolean isHopper() {
        return computeCapability() == 90;
    }

    /** NVRTC's name of this architecture. Instructions that only Hopper has need the suffix a. */
    public String architecture() {
        return "sm_" + computeCapability() + (isHopper() ? "a" : "");
    }

    private int attribute(int which) {
        int[] value = new int[1];
        JCudaDriver.cuDeviceGetAttribute(value, which, device);
        return value[0];
    }

    public boolean canReach(CudaContext peer) {
        int[] can = new int[1];
        JCudaDriver.cuDeviceCanAccessPeer(can, device, peer.device);
        return can[0] != 0;
    }

    /** Lets this GPU's kernels read the peer's memory. */
    public void reach(CudaContext peer) {
        makeCurrent();
        try {
            JCudaDriver.cuCtxEnablePeerAccess(peer.context, 0);
        } catch (CudaException e) {
            if (!e.getMessage().contains(CUresult.stringFor(CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED))) {
                throw e;
            }
        }
    }

    /** Releases the context. {@code broken}: a fault has made it unusable, so it is reset, which frees its memory. */
    public void close(boolean broken) {
        if (broken) {
            JCudaDriver.cuDevicePrimaryCtxReset(device);
        }
        JCudaDriver.cuDevicePrimaryCtxRelease(device);
    }
}
