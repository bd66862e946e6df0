package nighttrain.executor.device.cuda.kernel;

import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.Streams.Stream;

/** A compiled kernel of one GPU. */
public final class Kernel {
    private final String name;
    private final CUfunction function;
    private int sharedBytes;

    Kernel(String name, CUfunction function) {
        this.name = name;
        this.function = function;
    }

    /** Allows more dynamic shared memory than the 48 KiB that every kernel may use. */
    public Kernel withSharedBytes(int bytes) {
        if (bytes > sharedBytes) {
            JCudaDriver.cuFuncSetAttribute(
                    function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
            sharedBytes = bytes;
        }
        return this;
    }

    /** How many blocks, threads in each, and dynamic shared memory. */
    public record Grid(int x, int y, int z, int threads, int sharedBytes) {
        public static Grid of(int x, int y, int threads) {
            return new Grid(x, y, 1, threads, 0);
        }
    }

    /** Enqueues one run; arguments in the kernel's order: {@code Long} for pointers and 64-bit, int, float, {@link Struct}. */
    public void launch(Stream stream, Grid grid, Object... arguments) {
        if (grid.x == 0 || grid.y == 0 || grid.z == 0) {
            return;
        }
        Pointer[] values = new Pointer[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            values[i] = value(arguments[i]);
        }
        try {
            JCudaDriver.cuLaunchKernel(
                    function,
                    grid.x,
                    grid.y,
                    grid.z,
                    grid.threads,
                    1,
                    1,
                    grid.sharedBytes,
                    stream,
                    Pointer.to(values),
                    null);
        } catch (CudaException e) {
            throw new IllegalStateException("launch failed: " + name + " " + grid + " (" + e.getMessage() + ")", e);
        }
    }

    private static Pointer value(Object argument) {
        if (argument instanceof Struct struct) {
            return Pointer.to(struct.bytes().rewind());
        }
        if (argument instanceof Long address) {
            return Pointer.to(new long[] {address});
        }
        if (argument instanceof Integer integer) {
            return Pointer.to(new int[] {integer});
        }
        return Pointer.to(new float[] {(Float) argument});
    }
}
