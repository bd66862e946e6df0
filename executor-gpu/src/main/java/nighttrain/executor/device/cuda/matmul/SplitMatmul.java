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
 * {@code out[t] = x[t] W[t]^T + bias[t]} of so few tiles of the output that they leave most of a Hopper GPU idle: several blocks share the inputs
 * of each tile.
 */
public final class SplitMatmul {
    /** Blocks that may share the inputs of a tile, the most first. */
    public static final List<Integer> SPLITS = List.of(4, 2);

    private static final int TILE_OUTPUTS = 128;
    private static final int TILE_ROWS = 128;
    private static final int BOX_ROWS = 32;
    private static final int ROW_BYTES = 128;
    private static final int STAGES = 6;
    private static final int SHARED_BYTES = STAGES * (TILE_OUTPUTS + TILE_ROWS) * ROW_BYTES + 1024;
    private static final int THREADS = 384;
    private static final int ALIGNMENT = 8;
    private static final int ALIGNED_BYTES = 16;

    /** Each block's part of the inputs, in what is fetched at once: fewer would not hide that blocks begin and end together. */
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
        int bytes = inputBytes(matrix);
        return maps.isPresent()
                && out.elementBytes() == CudaTensor.BF16
                && bytes % ALIGNED_BYTES == 0
                && matrix.outputs() % ALIGNMENT == 0
                && split(x.rows(), matrix).isPresent();
    }

    private static int inputBytes(CudaMatrix matrix) {
        return matrix.inputs() * (matrix.format() == WeightFormat.FP8 ? 1 : CudaTensor.BF16);
    }

    private static int tiles(int rows, CudaMatrix matrix) {
        return (matrix.outputs() + TILE_OUTPUTS - 1) / TILE_OUTPUTS * ((rows + TILE_ROWS - 1) / TILE_ROWS);
    }

    /** As many blocks a tile as there are multiprocessors for. */
    private Optional<Integer> split(int rows, CudaMatrix matrix) {
        return SPLITS.stream()
                .filter(split -> split * tiles(rows, matrix) * matrix.tracks() <= multiprocessors
                        && inputBytes(matrix) >= split * LEAST_STEPS * ROW_BYTES)
                .findFirst();
    }

    public static KernelSource source(int split, WeightFormat format) {
        return new KernelSource(
                "linear_split_sm90.cu", Map.of("SPLIT", split, "FP8", format == WeightFormat.FP8 ? 1 : 0));
    }

    /** Rows of the number format of the matrix. */
    public void run(CudaTensor out, Rows x, CudaMatrix matrix) {
        int split = split(x.rows(), matrix).orElseThrow();
        TensorMaps tensors = maps.orElseThrow();
        modules.get("linear_split", source(split, matrix.format()))
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
