package nighttrain.executor.device.cuda.matmul;

import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.matmul.Matmuls.CudaMatrix;
import nighttrain.executor.device.cuda.matmul.TensorMaps.Tiled;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/**
 * {@code out[t, i] = W[t, e] x[t, i] + b[t, e]} of the expert e that row i belongs to, for Hopper GPUs. Serves experts in bf16 whose inputs
 * and outputs are multiples of 8, at most {@value #MOST_GROUPS} of them.
 */
public final class HopperGroupedMatmul {
    /** Of all tracks: their offsets and tiles fit into shared memory. */
    private static final int MOST_GROUPS = 1024;

    private static final int ALIGNMENT = 8;
    private static final int TILE_OUTPUTS = 128;
    private static final int DEPTH = 64;
    private static final int THREADS = 384;
    private static final int STORE_BYTES = 2 * 64 * 64 * CudaTensor.BF16;

    private final KernelModules modules;
    private final Streams streams;
    private final int multiprocessors;
    private final Optional<TensorMaps> maps;

    public HopperGroupedMatmul(CudaContext context, KernelModules modules, Streams streams) {
        this.modules = modules;
        this.streams = streams;
        this.multiprocessors = context.multiprocessors();
        this.maps = TensorMaps.of(context);
    }

    /**
     * How rows are cut.
     *
     * @param tokens most rows of an expert in a tile
     * @param cluster blocks that fetch rows for each other
     */
    public enum Tiling {
        FEW(64, 1, 8),
        SOME(128, 1, 6),
        MANY(256, 2, 4),
        MANY_ALONE(256, 1, 4),
        SOME_PAIRED(128, 2, 6);

        private final int tokens;
        private final int cluster;
        private final int stages;

        Tiling(int tokens, int cluster, int stages) {
            this.tokens = tokens;
            this.cluster = cluster;
            this.stages = stages;
        }

        /** For so many rows an expert, if they are spread evenly. */
        static Tiling of(int meanRows) {
            return meanRows <= 40 ? FEW : meanRows <= 96 ? SOME : MANY;
        }

        public KernelSource source() {
            return new KernelSource("grouped_linear_sm90.cu", Map.of("TOKENS", tokens, "CLUSTER", cluster));
        }

        private int boxRows() {
            return tokens / 4;
        }

        private int sharedBytes(int groups) {
            int stage = (TILE_OUTPUTS + tokens) * DEPTH * CudaTensor.BF16;
            return stages * stage + STORE_BYTES + 1024 + Integer.BYTES * 3 * (groups + 1);
        }
    }

    public boolean serves(CudaTensor x, CudaMatrix experts) {
        return maps.isPresent()
                && experts.format() == WeightFormat.PLAIN
                && experts.tracks() <= MOST_GROUPS
                && experts.inputs() % ALIGNMENT == 0
                && experts.outputs() % ALIGNMENT == 0;
    }

    /**
     * Multiplies all rows that belong to an expert.
     *
     * @param experts {@code [tracks * experts, outputs, inputs]}
     * @param offsets address of the first row of every expert, and the end of the last one's, {@code [tracks, experts + 1]} in int32
     */
    public void run(CudaTensor out, CudaTensor x, CudaMatrix experts, long offsets) {
        run(out, x, experts, offsets, Tiling.of(x.rows() * x.tracks() / experts.tracks()));
    }

    public void run(CudaTensor out, CudaTensor x, CudaMatrix experts, long offsets, Tiling tiling) {
        TensorMaps tensors = maps.orElseThrow();
        int sharedBytes = tiling.sharedBytes(experts.tracks());
        modules.get("grouped_linear", tiling.source())
                .withSharedBytes(sharedBytes)
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                multiprocessors / tiling.cluster * tiling.cluster, 1, 1, THREADS, sharedBytes),
                        tensors.get(Tiled.rows(
                                x.address(), x.tracks(), x.capacityRows(), x.cols(), x.trackStride(), tiling.boxRows())),
                        tensors.get(Tiled.rows(
                                experts.address(),
                                experts.tracks(),
                                experts.outputs(),
                                experts.inputs(),
                                (long) experts.outputs() * experts.inputs(),
                                TILE_OUTPUTS)),
                        out.address(),
                        out.trackStride(),
                        experts.biasAddress(),
                        offsets,
                        x.tracks(),
                        experts.tracks() / x.tracks(),
                        experts.outputs(),
                        experts.inputs());
    }
}
