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
    private final TensorMaps tensors;

    private HopperGroupedMatmul(CudaContext context, KernelModules modules, Streams streams, TensorMaps tensors) {
        this.modules = modules;
        this.streams = streams;
        this.multiprocessors = context.multiprocessors();
        this.tensors = tensors;
    }

    /** None on GPUs of another generation. */
    public static Optional<HopperGroupedMatmul> on(CudaContext context, KernelModules modules, Streams streams) {
        return TensorMaps.of(context).map(tensors -> new HopperGroupedMatmul(context, modules, streams, tensors));
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
        MANY_ALONE(256, 1, 4);

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

        public KernelSource source(boolean gated) {
            return new KernelSource(
                    "grouped_linear_sm90.cu", Map.of("TOKENS", tokens, "CLUSTER", cluster, "GATED", gated ? 1 : 0));
        }

        private int boxRows() {
            return tokens / 4;
        }

        private int sharedBytes(int groups) {
            int stage = (TILE_OUTPUTS + tokens) * DEPTH * CudaTensor.BF16;
            return stages * stage + STORE_BYTES + 1024 + Integer.BYTES * 3 * (groups + 1);
        }
    }

    static boolean serves(CudaMatrix experts) {
        return experts.format() == WeightFormat.PLAIN
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

    /** As cut by {@code tiling}. */
    public void run(CudaTensor out, CudaTensor x, CudaMatrix experts, long offsets, Tiling tiling) {
        Tiled weights = Tiled.rows(
                experts.address(),
                experts.tracks(),
                experts.outputs(),
                experts.inputs(),
                (long) experts.outputs() * experts.inputs(),
                TILE_OUTPUTS);
        launch(out, x, experts, weights, offsets, tiling, Optional.empty());
    }

    /** What stands between gate and up: {@code g * sigmoid(alpha * g) * (u + shift)} of both within {@code limit}, gates without a lower one. */
    public record Gated(float alpha, float limit, float shift) {
        public static final Gated SWIGLU = new Gated(1, Float.POSITIVE_INFINITY, 0);
    }

    /** Multiplies by gates and ups, {@code [tracks * experts, 2 * outputs, inputs]}, and activates. */
    public void run(
            CudaTensor out, CudaTensor x, CudaMatrix experts, long offsets, Tiling tiling, Gated activation) {
        Tiled weights = Tiled.pairs(
                experts.address(), experts.tracks(), experts.outputs() / 2, experts.inputs(), TILE_OUTPUTS);
        launch(out, x, experts, weights, offsets, tiling, Optional.of(activation));
    }

    private void launch(
            CudaTensor out,
            CudaTensor x,
            CudaMatrix experts,
            Tiled weights,
            long offsets,
            Tiling tiling,
            Optional<Gated> activation) {
        int sharedBytes = tiling.sharedBytes(experts.tracks());
        Gated gated = activation.orElse(Gated.SWIGLU);
        modules.get("grouped_linear", tiling.source(activation.isPresent()))
                .withSharedBytes(sharedBytes)
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                multiprocessors / tiling.cluster * tiling.cluster, 1, 1, THREADS, sharedBytes),
                        tensors.get(Tiled.rows(
                                x.address(), x.tracks(), x.capacityRows(), x.cols(), x.trackStride(), tiling.boxRows())),
                        tensors.get(weights),
                        out.address(),
                        out.trackStride(),
                        experts.biasAddress(),
                        offsets,
                        x.tracks(),
                        experts.tracks() / x.tracks(),
                        out.cols(),
                        experts.inputs(),
                        gated.alpha,
                        gated.limit,
                        gated.shift);
    }
}
