package nighttrain.executor.device.cuda.matmul;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * What tells Hopper's copy engine where bf16 tensors lie, and which part of them it fetches at once: into rows of 128 bytes that are
 * swizzled, zeros outside the tensor.
 */
final class TensorMaps {
    /** Bytes of a {@code CUtensorMap}, at a multiple of {@link #ALIGNMENT}. */
    private static final int BYTES = 128;

    private static final int ALIGNMENT = 64;
    private static final int TYPE_BF16 = 9;
    private static final int NOT_INTERLEAVED = 0;
    private static final int SWIZZLE_128B = 3;
    private static final int L2_128B = 2;
    private static final int ZEROS_OUTSIDE = 0;

    private final Driver driver;
    private final Map<Tiled, Struct> maps = new HashMap<>();

    private TensorMaps(Driver driver) {
        this.driver = driver;
    }

    /** None where the GPU is not of the Hopper generation or its driver has no such maps. */
    static Optional<TensorMaps> of(CudaContext context) {
        return context.isHopper()
                ? NativeLibraries.find(Driver.FILE, Driver.class).map(TensorMaps::new)
                : Optional.empty();
    }

    /**
     * A tensor, innermost dimension first, whose elements lie side by side.
     *
     * @param sizes of the dimensions
     * @param strides of all but the first, in elements, multiples of 8
     * @param box what is fetched at once; 64 of the first
     */
    record Tiled(long address, List<Long> sizes, List<Long> strides, List<Integer> box) {
        /** Some rows of a matrix {@code [tracks, rows, cols]}, 64 columns of them. */
        static Tiled rows(long address, int tracks, int rows, int cols, long trackStride, int boxRows) {
            return new Tiled(
                    address,
                    List.of((long) cols, (long) rows, (long) tracks),
                    List.of((long) cols, trackStride),
                    List.of(64, boxRows, 1));
        }

        /** As many rows of {@code [tracks, 2, rows, cols]}: of either half 8 in turn. {@code rows} is a multiple of 8. */
        static Tiled pairs(long address, int tracks, int rows, int cols, int boxRows) {
            return new Tiled(
                    address,
                    List.of((long) cols, 8L, 2L, rows / 8L, (long) tracks),
                    List.of((long) cols, (long) rows * cols, 8L * cols, 2L * rows * cols),
                    List.of(64, 8, 2, boxRows / 16, 1));
        }
    }

    /** A kernel's argument. */
    Struct get(Tiled tensor) {
        return maps.computeIfAbsent(tensor, this::encoded);
    }

    private Struct encoded(Tiled tensor) {
        Memory map = new Memory(BYTES + ALIGNMENT).align(ALIGNMENT);
        int dimensions = tensor.sizes.size();
        int[] everyElement = new int[dimensions];
        Arrays.fill(everyElement, 1);
        int status = driver.cuTensorMapEncodeTiled(
                map,
                TYPE_BF16,
                dimensions,
                new Pointer(tensor.address),
                tensor.sizes.stream().mapToLong(Long::longValue).toArray(),
                tensor.strides.stream()
                        .mapToLong(stride -> stride * CudaTensor.BF16)
                        .toArray(),
                tensor.box.stream().mapToInt(Integer::intValue).toArray(),
                everyElement,
                NOT_INTERLEAVED,
                SWIZZLE_128B,
                Integer.getInteger("nt.l2", L2_128B),
                ZEROS_OUTSIDE);
        if (status != 0) {
            throw new IllegalStateException(
                    "cuTensorMapEncodeTiled failed: " + tensor + " (CUDA error " + status + ")");
        }
        return new Struct().bytes(map.getByteArray(0, BYTES));
    }

    /** The driver's own function, which JCuda has not; constants as in cuda.h. */
    interface Driver extends Library {
        /** The driver's library. */
        String FILE = "libcuda.so.1";

        int cuTensorMapEncodeTiled(
                Pointer map,
                int type,
                int dimensions,
                Pointer address,
                long[] sizes,
                long[] byteStrides,
                int[] tile,
                int[] elementStrides,
                int interleave,
                int swizzle,
                int l2Promotion,
                int outside);
    }
}
