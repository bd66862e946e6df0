package nighttrain.executor.device.cuda.matmul;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.matmul.TensorMaps.Tiled;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/**
 * {@code out[t] = x[t] W[t]^T + bias[t]} in 8 bits on Hopper GPUs, for outputs with fewer tiles than the GPU has multiprocessors: several blocks
 * share the inputs of a tile.
 */
public final class SplitMatmul {
    /** Blocks that may share the inputs of a tile, the most first. */
    public static final List<Integer> SPLITS = List.of(4, 3, 2);

    private static final int TILE_OUTPUTS = 128;
    private static final int TILE_ROWS = 128;
    private static final int BOX_ROWS = 32;
    private static final int STEP_INPUTS = 128;
    private static final int STAGES = 6;
    private static final int SHARED_BYTES = STAGES * (TILE_OUTPUTS + TILE_ROWS) * STEP_INPUTS + 1024;
    private static final int THREADS = 384;

    /** Fewest steps of a block; with fewer, adding up the sums costs more than the split saves. */
    private static final int LEAST_STEPS = 8;

    private final KernelModules modules;
    private final Streams streams;
    private final int multiprocessors;
    private final Optional<TensorMaps> maps;

    /** Serves no matmul if {@code wanted} is false or the GPU is not of the Hopper generation. */
    public SplitMatmul(CudaContext context, KernelModules modules, Streams streams, boolean wanted) {
        this.modules = modules;
        this.streams = streams;
        this.multiprocessors = context.multiprocessors();
        this.maps = wanted ? TensorMaps.of(context) : Optional.empty();
    }

    public boolean serves(CudaTensor out, CudaTensor x, CudaMatrix matrix) {
        return maps.isPresent()
                && matrix.format() == WeightFormat.FP8
                && out.elementBytes() == CudaTensor.BF16
                && split(x.rows(), matrix).isPresent();
    }

    private static int tiles(int rows, CudaMatrix matrix) {
        return (matrix.outputs() + TILE_OUTPUTS - 1) / TILE_OUTPUTS * ((rows + TILE_ROWS - 1) / TILE_ROWS);
    }

    /** Returns the largest split for which all tiles are computed at once. */
    private Optional<Integer> split(int rows, CudaMatrix matrix) {
        return SPLITS.stream()
                .filter(split -> tiles(rows, matrix) * matrix.tracks() <= clusters(split)
                        && matrix.inputs() >= split * LEAST_STEPS * STEP_INPUTS)
                .findFirst();
    }

    /**
     * Returns the number of clusters that run at once, at least. A cluster runs within a group of multiprocessors, and leaves some idle if its size
     * does not divide their number: an H200 of 132 multiprocessors runs 32 clusters of three at once, but not 32 of four.
     */
    private int clusters(int split) {
        return split == 2 ? multiprocessors / 2 : multiprocessors * 4 / 5 / split;
    }

    public static KernelSource source(int split) {
        return new KernelSource("linear_split_sm90.cu", Map.of("SPLIT", split));
    }

    /** Multiplies rows in 8 bits. */
    void run(CudaTensor out, Rows x, CudaMatrix matrix) {
        int split = split(x.rows(), matrix).orElseThrow();
        TensorMaps tensors = maps.orElseThrow();
        modules.get("linear_split", source(split))
                .withSharedBytes(SHARED_BYTES)
                .launch(
                        streams.main(),
                        new Kernel.Grid(split * tiles(x.rows(), matrix), matrix.tracks(), 1, THREADS, SHARED_BYTES),
                        tensors.get(x.tiled(BOX_ROWS)),
                        tensors.get(Tiled.rows(
                                matrix.address(),
                                x.elementBytes(),
                                matrix.tracks(),
                                matrix.outputs(),
                                matrix.inputs(),
                                (long) matrix.outputs() * matrix.inputs(),
                                TILE_OUTPUTS)),
                        new Struct()
                                .pointer(out.address())
                                .longs(out.trackStride())
                                .pointer(matrix.biasAddress())
                                .pointer(x.scales())
                                .longs(x.capacity())
                                .pointer(matrix.scalesAddress())
                                .integer(x.rows())
                                .integer(out.cols())
                                .integer(x.cols()));
    }
}
