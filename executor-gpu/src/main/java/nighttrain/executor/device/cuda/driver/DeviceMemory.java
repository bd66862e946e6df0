package nighttrain.executor.device.cuda.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.Streams.Stream;

/** Allocates the memory of one rank, on the GPU and pinned on the host. All of it is freed together, the last allocation first. */
public final class DeviceMemory implements AutoCloseable {
    /** Pinned for all contexts, and visible to kernels. */
    private static final int PORTABLE_AND_MAPPED = 3;

    private final Deque<Runnable> frees = new ArrayDeque<>();

    /** Allocates zeroed device memory. The error names {@code role} if there is not enough. */
    public DevicePointer allocate(String role, long bytes) {
        DevicePointer pointer = new DevicePointer();
        long size = Math.max(bytes, 16);
        try {
            JCudaDriver.cuMemAlloc(pointer, size);
        } catch (CudaException e) {
            long[] free = new long[1];
            JCudaDriver.cuMemGetInfo(free, new long[1]);
            throw new IllegalStateException(
                    "out of GPU memory: " + role + " needs " + mebibytes(size) + " MiB (" + mebibytes(free[0])
                            + " MiB are free; lower --gpu-memory-utilization, --max-num-batched-tokens or"
                            + " --max-num-seqs, or use more --ranks)",
                    e);
        }
        frees.push(() -> JCudaDriver.cuMemFree(pointer));
        JCudaDriver.cuMemsetD8(pointer, (byte) 0, size);
        awaitWrites();
        return pointer;
    }

    /**
     * Waits for fills and copies on the default stream. Such calls may return before the GPU has done them, and our streams do not wait
     * for the default stream.
     */
    public static void awaitWrites() {
        JCudaDriver.cuStreamSynchronize(new CUstream());
    }

    private static long mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1) >> 20;
    }

    /** Pinned host memory, zeroed. */
    public Pinned pinned(long bytes) {
        Pointer pointer = new Pointer();
        JCudaDriver.cuMemHostAlloc(pointer, bytes, PORTABLE_AND_MAPPED);
        frees.push(() -> JCudaDriver.cuMemFreeHost(pointer));
        ByteBuffer view = pointer.getByteBuffer(0, bytes).order(ByteOrder.nativeOrder());
        for (int i = 0; i < view.capacity(); i++) {
            view.put(i, (byte) 0);
        }
        return new Pinned(pointer, view);
    }

    /** Pinned host memory, which the GPU copies from and to asynchronously. */
    public record Pinned(Pointer pointer, ByteBuffer view) {
        /** Its address for kernels. */
        public long deviceAddress() {
            DevicePointer device = new DevicePointer();
            JCudaDriver.cuMemHostGetDevicePointer(device, pointer, 0);
            return device.address();
        }

        public void copyTo(CUdeviceptr target, long bytes, Stream stream) {
            JCudaDriver.cuMemcpyHtoDAsync(target, pointer, bytes, stream);
        }

        public void copyFrom(CUdeviceptr source, long bytes, Stream stream) {
            JCudaDriver.cuMemcpyDtoHAsync(pointer, source, bytes, stream);
        }
    }

    @Override
    public void close() {
        while (!frees.isEmpty()) {
            try {
                frees.pop().run();
            } catch (CudaException e) {
                // The context is broken; its memory is freed with it.
            }
        }
    }

    /** A device pointer whose address other libraries can use; JCuda's own type hides it. */
    public static final class DevicePointer extends CUdeviceptr {
        public long address() {
            return getNativePointer() + getByteOffset();
        }
    }
}
