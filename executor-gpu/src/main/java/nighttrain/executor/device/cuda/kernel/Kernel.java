package nighttrain.executor.device.cuda.kernel;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.device.cuda.driver.Streams.Stream;

/** A compiled kernel of one GPU. One thread launches it. */
public final class Kernel {
    private final String name;
    private final Function function;
    private final Driver driver;
    private final Launch launch;
    private int sharedBytes;

    /**
     * @param waits whether it may start before earlier kernels have ended, since it waits for them itself
     */
    Kernel(String name, Function function, Driver driver, boolean waits) {
        this.name = name;
        this.function = function;
        this.driver = driver;
        this.launch = new Launch(waits);
    }

    /** Returns a kernel that is being compiled; its launches do nothing. */
    static Kernel notYet(String name) {
        return new Kernel(name, null, null, false);
    }

    /** Allows more dynamic shared memory than the 48 KiB that every kernel may use. */
    public Kernel withSharedBytes(int bytes) {
        if (function != null && bytes > sharedBytes) {
            JCudaDriver.cuFuncSetAttribute(
                    function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
            sharedBytes = bytes;
        }
        return this;
    }

    /** Numbers of blocks, threads per block, and bytes of dynamic shared memory per block. */
    public record Grid(int x, int y, int z, int threads, int sharedBytes) {
        public static Grid of(int x, int y, int threads) {
            return new Grid(x, y, 1, threads, 0);
        }

        /** Returns the blocks that {@code count} items need if a block has {@code ofBlock} of them. */
        public static int blocks(int count, int ofBlock) {
            return (count + ofBlock - 1) / ofBlock;
        }
    }

    /** Enqueues one run; arguments in the kernel's order: {@code Long} for pointers and 64-bit, int, float, {@link Struct}. */
    public void launch(Stream stream, Grid grid, Object... arguments) {
        if (function == null || grid.x == 0 || grid.y == 0 || grid.z == 0) {
            return;
        }
        launch.fill(stream, grid, arguments);
        int status = driver.cuLaunchKernelEx(launch.memory, function.handle(), launch.arguments, Pointer.NULL);
        if (status != 0) {
            throw new IllegalStateException(
                    "launch failed: " + name + " " + grid + " (" + CUresult.stringFor(status) + ")");
        }
    }

    /** A driver function that JCuda lacks; as in cuda.h. */
    interface Driver extends Library {
        static Driver load() {
            return NativeLibraries.find("libcuda.so.1", Driver.class).orElseThrow();
        }

        int cuLaunchKernelEx(Pointer config, Pointer function, Pointer arguments, Pointer extra);
    }

    /** A function whose handle can be read. */
    static final class Function extends CUfunction {
        private Pointer handle() {
            return new Pointer(getNativePointer());
        }
    }

    /** A {@code CUlaunchConfig}, its attribute and the arguments, in one piece of memory that the driver reads during a launch. */
    private static final class Launch {
        private static final int STREAM = 32;
        private static final int ATTRIBUTES = 40;
        private static final int ATTRIBUTE_COUNT = 48;
        private static final int ATTRIBUTE = 64;
        private static final int ATTRIBUTE_VALUE = ATTRIBUTE + 8;
        private static final int PROGRAMMATIC_STREAM_SERIALIZATION = 6;
        private static final int ARGUMENTS = 192;
        private static final int MOST_ARGUMENTS = 24;
        private static final int VALUES = ARGUMENTS + MOST_ARGUMENTS * Long.BYTES;
        private static final int ALIGNMENT = 64;
        private static final int BYTES = 4096;

        private final Memory memory = new Memory(BYTES);
        private final Pointer arguments = memory.share(ARGUMENTS);
        private final ByteBuffer bytes = memory.getByteBuffer(0, BYTES);

        Launch(boolean waits) {
            memory.clear();
            memory.setPointer(ATTRIBUTES, memory.share(ATTRIBUTE));
            memory.setInt(ATTRIBUTE_COUNT, waits ? 1 : 0);
            memory.setInt(ATTRIBUTE, PROGRAMMATIC_STREAM_SERIALIZATION);
            memory.setInt(ATTRIBUTE_VALUE, 1);
        }

        void fill(Stream stream, Grid grid, Object[] values) {
            if (values.length > MOST_ARGUMENTS) {
                throw new IllegalArgumentException("arguments: " + values.length + " (at most " + MOST_ARGUMENTS + ")");
            }
            bytes.clear();
            bytes.putInt(grid.x).putInt(grid.y).putInt(grid.z);
            bytes.putInt(grid.threads).putInt(1).putInt(1).putInt(grid.sharedBytes);
            memory.setPointer(STREAM, stream.handle());
            long address = Pointer.nativeValue(memory);
            int at = VALUES;
            for (int i = 0; i < values.length; i++) {
                bytes.putLong(ARGUMENTS + i * Long.BYTES, address + at);
                bytes.position(at);
                put(values[i]);
                at = (bytes.position() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            }
        }

        private void put(Object value) {
            if (value instanceof Struct struct) {
                bytes.put(struct.bytes().duplicate().flip());
            } else if (value instanceof Long address) {
                bytes.putLong(address);
            } else if (value instanceof Integer integer) {
                bytes.putInt(integer);
            } else {
                bytes.putFloat((Float) value);
            }
        }
    }
}
