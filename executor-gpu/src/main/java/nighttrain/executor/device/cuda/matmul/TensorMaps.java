package nighttrain.executor.device.cuda.matmul;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * Makes the tensor maps of Hopper's copy engine: the addresses of tensors of bf16 or e4m3, and the part of a tensor that it fetches or stores at
 * once. A part has swizzled rows of 128 or 64 bytes in shared memory, and zeros outside the tensor.
 */
final class TensorMaps {
    /** Bytes of a {@code CUtensorMap}, at a multiple of {@link #ALIGNMENT}. */
    private static final int BYTES = 128;

    private static final int ALIGNMENT = 64;
    private static final int TYPE_BYTES = 0;
    private static final int TYPE_BF16 = 9;

    private static final int NOT_INTERLEAVED = 0;
    private static final int SWIZZLE_64B = 2;
    private static final int SWIZZLE_128B = 3;
    private static final int L2_128B = 2;
    private static final int ZEROS_OUTSIDE = 0;

    private final Driver driver;
    private final Map<Tiled, Struct> maps = new HashMap<>();

    private TensorMaps(Driver driver) {
        this.driver = driver;
    }

    /** Returns none if the GPU is not of the Hopper generation or its driver has no tensor maps. */
    static Optional<TensorMaps> of(CudaContext context) {
        return context.isHopper()
                ? NativeLibraries.find(Driver.FILE, Driver.class).map(TensorMaps::new)
                : Optional.empty();
    }

    /**
     * A tensor, innermost dimension first, whose elements are contiguous in that dimension.
     *
     * @param sizes sizes of the dimensions
     * @param elementBytes 2 for bf16, 1 for e4m3
     * @param strides strides of all dimensions but the first, in elements; multiples of 16 bytes
     * @param rowBytes bytes of the first dimension that are moved at once, 128 or 64
     * @param box elements of the other dimensions that are moved at once
     */
    record Tiled(
            long address, int elementBytes, List<Long> sizes, List<Long> strides, int rowBytes, List<Integer> box) {
        /** Returns a map that moves {@code boxRows} rows of bf16 {@code [tracks, rows, cols]}. */
        static Tiled rows(long address, int tracks, int rows, int cols, long trackStride, int boxRows) {
            return rows(address, CudaTensor.BF16, tracks, rows, cols, trackStride, boxRows);
        }

        static Tiled rows(
                long address, int elementBytes, int tracks, int rows, int cols, long trackStride, int boxRows) {
            return new Tiled(
                    address,
                    elementBytes,
                    List.of((long) cols, (long) rows, (long) tracks),
                    List.of((long) cols, trackStride),
                    128,
                    List.of(boxRows, 1));
        }

        /** Returns the same map with rows of {@code bytes} bytes. */
        Tiled withRowBytes(int bytes) {
            return new Tiled(address, elementBytes, sizes, strides, bytes, box);
        }

        /**
         * Returns a map that moves {@code boxRows} rows of {@code [tracks, 2, rows, cols]}: 8 of each half in turn. {@code rows} is a multiple of 8.
         */
        static Tiled pairs(long address, int elementBytes, int tracks, int rows, int cols, int boxRows) {
            return new Tiled(
                    address,
                    elementBytes,
                    List.of((long) cols, 8L, 2L, rows / 8L, (long) tracks),
                    List.of((long) cols, (long) rows * cols, 8L * cols, 2L * rows * cols),
                    128,
                    List.of(8, 2, boxRows / 16, 1));
        }
    }

    /** Returns the map as a kernel's argument. */
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
                tensor.elementBytes == CudaTensor.BF16 ? TYPE_BF16 : TYPE_BYTES,
                dimensions,
                new Pointer(tensor.address),
                tensor.sizes.stream().mapToLong(Long::longValue).toArray(),
                tensor.strides.stream()
                        .mapToLong(stride -> stride * tensor.elementBytes)
                        .toArray(),
                IntStream.concat(
                                IntStream.of(tensor.rowBytes / tensor.elementBytes),
                                tensor.box.stream().mapToInt(Integer::intValue))
                        .toArray(),
                everyElement,
                NOT_INTERLEAVED,
                tensor.rowBytes == 128 ? SWIZZLE_128B : SWIZZLE_64B,
                L2_128B,
                ZEROS_OUTSIDE);
        if (status != 0) {
            throw new IllegalStateException(
                    "cuTensorMapEncodeTiled failed: " + tensor + " (CUDA error " + status + ")");
        }
        return new Struct().bytes(map.getByteArray(0, BYTES));
    }

    /** A driver function that JCuda lacks; constants as in cuda.h. */
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
