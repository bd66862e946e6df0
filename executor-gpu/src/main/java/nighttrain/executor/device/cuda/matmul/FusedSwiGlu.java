package nighttrain.executor.device.cuda.matmul;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.matmul.Matmuls.CudaMatrix;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/**
 * {@code out[t] = silu(x[t] G[t]^T) * (x[t] U[t]^T)} for many rows, in one kernel for Hopper GPUs. The matrix holds the rows of G, then the
 * rows of U. For few rows the time is that of reading the weights, so {@link Matmuls} computes them.
 */
public final class FusedSwiGlu {
    public static final KernelSource SOURCE = new KernelSource("linear_silu_mul_sm90.cu", Map.of());

    /** A cluster takes 256 rows, so of fewer than this too many would be computed for nothing. */
    private static final int LEAST_ROWS = 1024;

    private static final int ALIGNMENT = 8;
    private static final int TILE_ROWS = 128;
    private static final int DEPTH = 64;
    private static final int THREADS = 384;
    private static final int SHARED_BYTES =
            4 * 3 * TILE_ROWS * DEPTH * CudaTensor.BF16 + TILE_ROWS * 128 * CudaTensor.BF16 + 1024;

    private final KernelModules modules;
    private final Streams streams;
    private final int blocks;
    private final Optional<TensorMaps> driver;
    private final Map<Place, Struct> maps = new HashMap<>();

    private record Place(long address, int tracks, int rows, int cols, long trackStride) {}

    /** Serves no matmul if {@code wanted} is false or the GPU is not of the Hopper generation. */
    public FusedSwiGlu(CudaContext context, KernelModules modules, Streams streams, boolean wanted) {
        this.modules = modules;
        this.streams = streams;
        this.blocks = context.multiprocessors() / 2 * 2;
        this.driver = wanted && context.isHopper()
                ? NativeLibraries.find(TensorMaps.FILE, TensorMaps.class)
                : Optional.empty();
    }

    public boolean serves(CudaTensor x, CudaMatrix matrix) {
        return driver.isPresent()
                && matrix.format() == WeightFormat.PLAIN
                && x.rows() >= LEAST_ROWS
                && matrix.biasAddress() == 0
                && matrix.inputs() % ALIGNMENT == 0
                && matrix.outputs() / 2 % ALIGNMENT == 0;
    }

    public void run(CudaTensor out, CudaTensor x, CudaMatrix matrix) {
        long matrixStride = (long) matrix.outputs() * matrix.inputs();
        modules.get("linear_silu_mul", SOURCE)
                .withSharedBytes(SHARED_BYTES)
                .launch(
                        streams.main(),
                        new Kernel.Grid(blocks, 1, 1, THREADS, SHARED_BYTES),
                        map(new Place(x.address(), x.tracks(), x.capacityRows(), x.cols(), x.trackStride())),
                        map(new Place(
                                matrix.address(), matrix.tracks(), matrix.outputs(), matrix.inputs(), matrixStride)),
                        out.address(),
                        out.trackStride(),
                        x.tracks(),
                        x.rows(),
                        out.cols(),
                        x.cols());
    }

    private Struct map(Place place) {
        return maps.computeIfAbsent(place, this::encoded);
    }

    private Struct encoded(Place place) {
        Memory map = new Memory(TensorMaps.BYTES + TensorMaps.ALIGNMENT).align(TensorMaps.ALIGNMENT);
        int status = driver.orElseThrow()
                .cuTensorMapEncodeTiled(
                        map,
                        TensorMaps.TYPE_BF16,
                        3,
                        new Pointer(place.address),
                        new long[] {place.cols, place.rows, place.tracks},
                        new long[] {(long) place.cols * CudaTensor.BF16, place.trackStride * CudaTensor.BF16},
                        new int[] {DEPTH, TILE_ROWS, 1},
                        new int[] {1, 1, 1},
                        TensorMaps.NOT_INTERLEAVED,
                        TensorMaps.SWIZZLE_128B,
                        TensorMaps.L2_128B,
                        TensorMaps.ZEROS_OUTSIDE);
        if (status != 0) {
            throw new IllegalStateException("cuTensorMapEncodeTiled failed: " + place + " (CUDA error " + status + ")");
        }
        return new Struct().bytes(map.getByteArray(0, TensorMaps.BYTES));
    }

    /** What tells Hopper's copy engine where a matrix lies; from the driver, whose other functions JCuda has. Constants as in cuda.h. */
    public interface TensorMaps extends Library {
        /** The driver's library. */
        String FILE = "libcuda.so.1";

        /** Of a CUtensorMap, at a multiple of {@link #ALIGNMENT}. */
        int BYTES = 128;

        int ALIGNMENT = 64;

        int TYPE_BF16 = 9;
        int NOT_INTERLEAVED = 0;
        int SWIZZLE_128B = 3;
        int L2_128B = 2;
        int ZEROS_OUTSIDE = 0;

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
