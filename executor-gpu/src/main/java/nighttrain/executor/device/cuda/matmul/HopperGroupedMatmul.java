package nighttrain.executor.device.cuda.matmul;

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
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.WeightFormat;

/**
 * {@code out[t, i] = W[t, e] x[t, i] + b[t, e]} for the expert e that row i belongs to, on Hopper GPUs. Serves experts whose inputs are a multiple of
 * 16 bytes and whose outputs are a multiple of 8 (of 16 for gates and ups), at most {@value #MOST_EXPERTS} of them. A row's result depends only on
 * its expert and on the row itself.
 */
public final class HopperGroupedMatmul {
    /** Most experts of all tracks: their offsets and tiles fit into shared memory. */
    public static final int MOST_EXPERTS = 1024;

    private static final int ALIGNMENT = 8;
    private static final int ALIGNED_BYTES = 16;
    private static final int WEIGHT_ROWS = 128;
    private static final int ROW_BYTES = 128;
    private static final int THREADS = 384;
    private static final int STORE_BOX = 16;

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

    /** Returns the kernel; none on GPUs of another generation. */
    public static Optional<HopperGroupedMatmul> on(CudaContext context, KernelModules modules, Streams streams) {
        return TensorMaps.of(context).map(tensors -> new HopperGroupedMatmul(context, modules, streams, tensors));
    }

    /** How rows are cut into tiles, from the fewest rows per expert on. */
    public enum Tiling {
        FEW(64, 1, 8),
        SOME(128, 1, 5),
        MANY(192, 2, 4);

        private final int tokens;
        private final int cluster;
        private final int stages;

        /**
         * @param tokens most rows of an expert in a tile
         * @param cluster blocks that fetch rows for each other
         */
        Tiling(int tokens, int cluster, int stages) {
            this.tokens = tokens;
            this.cluster = cluster;
            this.stages = stages;
        }

        /**
         * Returns the tiling for a mean of {@code meanRows} rows per expert: tiles that hold the rows of most experts, and more stages for smaller
         * tiles.
         */
        static Tiling of(int meanRows) {
            return meanRows <= 40 ? FEW : meanRows <= 96 ? SOME : MANY;
        }

        public KernelSource source(boolean gated, WeightFormat format) {
            return new KernelSource(
                    "grouped_linear_sm90.cu",
                    Map.of(
                            "TOKENS",
                            tokens,
                            "CLUSTER",
                            cluster,
                            "STAGE_COUNT",
                            stages,
                            "GATED",
                            gated ? 1 : 0,
                            "FP8",
                            format == WeightFormat.FP8 ? 1 : 0));
        }

        private int boxRows() {
            return tokens / 4;
        }

        private int sharedBytes(int experts) {
            int stage = (WEIGHT_ROWS + tokens) * ROW_BYTES;
            int stored = WEIGHT_ROWS * tokens * CudaTensor.BF16;
            return stages * stage + stored + 1024 + Integer.BYTES * 3 * (experts + 1);
        }
    }

    /**
     * The activation of gate and up, the outputs of the weights' first and second half: {@code g * sigmoid(alpha * g) * (u + shift)} with {@code g =
     * min(gate, limit)} and {@code u = min(max(up, -limit), limit)}.
     */
    public record Gated(float alpha, float limit, float shift) {
        public static final Gated SWIGLU = new Gated(1, Float.POSITIVE_INFINITY, 0);

        static Optional<Gated> of(Activation activation) {
            if (activation instanceof Activation.ClampedSwiGlu clamped) {
                return Optional.of(new Gated((float) clamped.alpha(), (float) clamped.limit(), 1));
            }
            return activation.equals(new Activation.Plain(Mlp.Activation.SILU))
                    ? Optional.of(SWIGLU)
                    : Optional.empty();
        }
    }

    static boolean serves(CudaMatrix experts, boolean gated) {
        int elementBytes = experts.format() == WeightFormat.FP8 ? 1 : CudaTensor.BF16;
        return experts.tracks() <= MOST_EXPERTS
                && experts.inputs() * elementBytes % ALIGNED_BYTES == 0
                && experts.outputs() % (gated ? 2 * ALIGNMENT : ALIGNMENT) == 0;
    }

    /**
     * Multiplies all rows that belong to an expert, and activates.
     *
     * @param experts {@code [tracks * experts, outputs, inputs]}, of the number format of {@code x}; twice as many outputs if there is an activation
     * @param offsets address of the first row of every expert, and the end of the last one's rows, {@code [tracks, experts + 1]} in int32
     */
    public void run(CudaTensor out, Rows x, CudaMatrix experts, long offsets, Optional<Gated> activation) {
        run(out, x, experts, offsets, activation, Tiling.of(x.rows() * x.tracks() / experts.tracks()));
    }

    /** As {@link #run(CudaTensor, Rows, CudaMatrix, long, Optional)}, with this tiling. */
    public void run(
            CudaTensor out, Rows x, CudaMatrix experts, long offsets, Optional<Gated> activation, Tiling tiling) {
        int slabs = experts.tracks();
        int sharedBytes = tiling.sharedBytes(slabs);
        Gated gated = activation.orElse(Gated.SWIGLU);
        modules.get("grouped_linear", tiling.source(activation.isPresent(), x.format()))
                .withSharedBytes(sharedBytes)
                .launch(
                        streams.main(),
                        new Kernel.Grid(multiprocessors / tiling.cluster * tiling.cluster, 1, 1, THREADS, sharedBytes),
                        tensors.get(x.tiled(tiling.boxRows())),
                        tensors.get(weights(experts, x.elementBytes(), activation.isPresent())),
                        tensors.get(Tiled.rows(
                                        out.address(),
                                        out.tracks(),
                                        out.capacityRows(),
                                        out.cols(),
                                        out.trackStride(),
                                        STORE_BOX)
                                .withRowBytes(activation.isPresent() ? 64 : 128)),
                        new Struct()
                                .pointer(out.address())
                                .longs(out.trackStride())
                                .pointer(experts.biasAddress())
                                .pointer(offsets)
                                .pointer(x.scales())
                                .longs(x.capacity())
                                .pointer(experts.scalesAddress())
                                .integer(x.tracks())
                                .integer(slabs / x.tracks())
                                .integer(out.cols())
                                .integer(x.cols())
                                .number(gated.alpha)
                                .number(gated.limit)
                                .number(gated.shift));
    }

    private static Tiled weights(CudaMatrix experts, int elementBytes, boolean gated) {
        return gated
                ? Tiled.pairs(
                        experts.address(),
                        elementBytes,
                        experts.tracks(),
                        experts.outputs() / 2,
                        experts.inputs(),
                        WEIGHT_ROWS)
                : Tiled.rows(
                        experts.address(),
                        elementBytes,
                        experts.tracks(),
                        experts.outputs(),
                        experts.inputs(),
                        (long) experts.outputs() * experts.inputs(),
                        WEIGHT_ROWS);
    }
}
