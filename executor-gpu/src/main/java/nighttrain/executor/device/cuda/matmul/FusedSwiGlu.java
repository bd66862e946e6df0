package nighttrain.executor.device.cuda.matmul;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.matmul.TensorMaps.Tiled;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/**
 * {@code out[t] = silu(x[t] G[t]^T) * (x[t] U[t]^T)} for many rows, in one kernel for Hopper GPUs. The matrix holds the rows of G, then the rows of
 * U. {@link Matmuls} computes few rows, and numbers of rows that leave much of a cluster's 256 rows empty.
 */
public final class FusedSwiGlu {
    /** Columns that a cluster may take; wider is more efficient. */
    public static final List<Integer> TILE_COLS = List.of(96, 112, 128);

    /** Rows of a cluster, which computes this many even if there are fewer. */
    private static final int CLUSTER_ROWS = 256;

    /** From this many rows on, the share of rows computed in vain is small, whatever their number. */
    private static final int MANY_ROWS = 4 * CLUSTER_ROWS;

    private static final int ALIGNMENT = 8;
    private static final int TILE_ROWS = 128;
    private static final int DEPTH_BYTES = 128;
    private static final int STAGES = 4;
    private static final int STORE_BYTES = TILE_ROWS * 128 * CudaTensor.BF16;
    private static final int THREADS = 384;

    private final KernelModules modules;
    private final Streams streams;
    private final int blocks;
    private final Optional<TensorMaps> maps;

    /** Serves no matmul if {@code wanted} is false or the GPU is not of the Hopper generation. */
    public FusedSwiGlu(CudaContext context, KernelModules modules, Streams streams, boolean wanted) {
        this.modules = modules;
        this.streams = streams;
        this.blocks = context.multiprocessors() / 2 * 2;
        this.maps = wanted ? TensorMaps.of(context) : Optional.empty();
    }

    public boolean serves(CudaTensor x, CudaMatrix matrix) {
        return maps.isPresent()
                && matrix.format() == WeightFormat.PLAIN
                && fillsClusters(x.rows())
                && matrix.biasAddress() == 0
                && matrix.inputs() % ALIGNMENT == 0
                && matrix.outputs() / 2 % ALIGNMENT == 0;
    }

    private static boolean fillsClusters(int rows) {
        int unfilled = (CLUSTER_ROWS - rows % CLUSTER_ROWS) % CLUSTER_ROWS;
        return rows >= MANY_ROWS || unfilled <= CLUSTER_ROWS / 8;
    }

    public static KernelSource source(int tileCols) {
        return new KernelSource("linear_silu_mul_sm90.cu", Map.of("TILE_COLS", tileCols));
    }

    /** Returns the narrowest tile that needs as few rounds as the widest one: the last of few rounds is often not full. */
    private int tileCols(CudaTensor x, int cols) {
        int down = x.tracks() * ((x.rows() + CLUSTER_ROWS - 1) / CLUSTER_ROWS);
        int clusters = blocks / 2;
        return TILE_COLS.stream()
                .min(Comparator.comparingInt(tile -> (down * ((cols + tile - 1) / tile) + clusters - 1) / clusters))
                .orElseThrow();
    }

    public void run(CudaTensor out, CudaTensor x, CudaMatrix matrix) {
        int tileCols = tileCols(x, out.cols());
        int sharedBytes = STAGES * (TILE_ROWS + 2 * tileCols) * DEPTH_BYTES + STORE_BYTES + 1024;
        long matrixStride = (long) matrix.outputs() * matrix.inputs();
        TensorMaps tensors = maps.orElseThrow();
        modules.get("linear_silu_mul", source(tileCols))
                .withSharedBytes(sharedBytes)
                .launch(
                        streams.main(),
                        new Kernel.Grid(blocks, 1, 1, THREADS, sharedBytes),
                        tensors.get(Tiled.rows(
                                x.address(), x.tracks(), x.capacityRows(), x.cols(), x.trackStride(), TILE_ROWS)),
                        tensors.get(Tiled.rows(
                                matrix.address(),
                                matrix.tracks(),
                                matrix.outputs(),
                                matrix.inputs(),
                                matrixStride,
                                tileCols)),
                        out.address(),
                        out.trackStride(),
                        x.tracks(),
                        x.rows(),
                        out.cols(),
                        x.cols());
    }
}
