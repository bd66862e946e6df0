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

/** Everything one rank has allocated, on the GPU and pinned on the host; freed together, the last first. */
public final class DeviceMemory implements AutoCloseable {
    /** Pinned for all contexts, and visible to kernels. */
    private static final int PORTABLE_AND_MAPPED = 3;

    private final Deque<Runnable> frees = new ArrayDeque<>();

    /** Device memory, zeroed; {@code role} is named where there is not enough. */
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
     * Waits for what the host has filled or copied without naming a stream: such calls may return before the GPU has done them,
     * and our streams do not wait for them.
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

    /** Host memory that the GPU copies from and to without the host's help. */
    public record Pinned(Pointer pointer, ByteBuffer view) {
        /** Where kernels see it. */
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
                // The context is broken, and its memory goes with it.
            }
        }
    }

    /** A device pointer that tells its address, which JCuda keeps to itself and other libraries need. */
    public static final class DevicePointer extends CUdeviceptr {
        public long address() {
            return getNativePointer() + getByteOffset();
        }
    }
}
