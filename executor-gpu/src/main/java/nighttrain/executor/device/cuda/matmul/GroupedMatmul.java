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
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul.Gated;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.WeightFormat;

/**
 * {@code out[t, r] = x[t, r] W^T + b} with W and b of the expert that row r of track t belongs to. Only the device knows the expert; launches depend
 * on the number of rows.
 */
public final class GroupedMatmul {
    private static final int COLS = 128;
    private static final int DEPTH = 64;
    private static final int ALIGNMENT = 8;

    private static final int THREADS = 128;

    private final KernelModules modules;
    private final Streams streams;
    private final int multiprocessors;
    private final Optional<HopperGroupedMatmul> hopper;
    private final Optional<Fp8Operands> fp8;

    public GroupedMatmul(CudaContext context, KernelModules modules, Streams streams, Fp8Operands fp8) {
        this(context, modules, streams, HopperGroupedMatmul.on(context, modules, streams), Optional.of(fp8));
    }

    private GroupedMatmul(
            CudaContext context,
            KernelModules modules,
            Streams streams,
            Optional<HopperGroupedMatmul> hopper,
            Optional<Fp8Operands> fp8) {
        this.fp8 = fp8;
        this.modules = modules;
        this.streams = streams;
        this.multiprocessors = context.multiprocessors();
        this.hopper = hopper;
    }

    /** Returns matmuls that use only the kernel that runs on any GPU. */
    public static GroupedMatmul portable(CudaContext context, KernelModules modules, Streams streams) {
        return new GroupedMatmul(context, modules, streams, Optional.empty(), Optional.empty());
    }

    /** The sizes of tiles, from the smallest on: rows of a tile, the kernel's stages, and the blocks that a large multiprocessor holds. */
    public enum TileRows {
        FEW(16, 4, 3),
        SOME(32, 4, 2),
        MANY(64, 4, 2),
        MOST(128, 3, 2);

        private final int rows;
        private final int stages;
        private final int blocks;

        TileRows(int rows, int stages, int blocks) {
            this.rows = rows;
            this.stages = stages;
            this.blocks = blocks;
        }

        /** Returns the smallest tile that holds the rows of most experts, so that their weights are read once. */
        static TileRows of(int rows, int experts) {
            return List.of(values()).stream()
                    .filter(tile -> 2L * tile.rows * experts >= 3L * rows)
                    .findFirst()
                    .orElse(MOST);
        }

        /** Returns the kernel for {@code inputs} inputs. */
        public KernelSource source(int inputs) {
            return new KernelSource(
                    "grouped_linear.cu", Map.of("ROWS", rows, "VECTOR", inputs % ALIGNMENT == 0 ? ALIGNMENT : 1));
        }

        private int sharedBytes(int slabs) {
            return stages * (rows + COLS) * DEPTH * CudaTensor.BF16 + (slabs + 1) * Integer.BYTES;
        }

        /** Returns the most tiles that a track's rows can be in. */
        private long most(int allRows, int experts) {
            return allRows / rows + (long) Math.min(allRows, experts);
        }
    }

    /**
     * Multiplies all rows that belong to an expert. Other rows are neither read nor written.
     *
     * @param experts {@code [tracks * experts, outputs, inputs]}, those of the first track first
     * @param offsets address of {@code [tracks, experts + 1]} 32-bit integers: where every expert's rows begin, and where the last one's end
     */
    public void run(CudaTensor out, CudaTensor x, CudaMatrix experts, long offsets) {
        if (hopper.isPresent() && HopperGroupedMatmul.serves(experts, false)) {
            hopper.get().run(out, rows(x, experts), experts, offsets, Optional.empty());
        } else {
            run(out, x, experts, offsets, TileRows.of(x.rows(), experts.tracks() / x.tracks()));
        }
    }

    /**
     * Multiplies by gates and ups, {@code [tracks * experts, 2 * outputs, inputs]}, and activates, if one kernel does both. Returns whether it did.
     */
    public boolean runActivated(CudaTensor out, CudaTensor x, CudaMatrix experts, long offsets, Activation activation) {
        Optional<Gated> gated = Gated.of(activation);
        boolean serves = hopper.isPresent()
                && gated.isPresent()
                && experts.outputs() == 2 * out.cols()
                && HopperGroupedMatmul.serves(experts, true);
        if (serves) {
            hopper.get().run(out, rows(x, experts), experts, offsets, gated);
        }
        return serves;
    }

    private Rows rows(CudaTensor x, CudaMatrix experts) {
        return experts.format() == WeightFormat.FP8
                ? Rows.of(x, fp8.orElseThrow().quantizedByExpert(x))
                : Rows.of(x);
    }

    /** Multiplies by the portable kernel, with tiles of this size. */
    void run(CudaTensor out, CudaTensor x, CudaMatrix experts, long offsets, TileRows tile) {
        int slabs = experts.tracks();
        int perTrack = slabs / x.tracks();
        long tiles = x.tracks() * tile.most(x.rows(), perTrack) * ((experts.outputs() + COLS - 1) / COLS);
        int blocks = (int) Math.min(tiles, (long) tile.blocks * multiprocessors);
        modules.get("grouped_linear", tile.source(experts.inputs()))
                .withSharedBytes(tile.sharedBytes(slabs))
                .launch(
                        streams.main(),
                        new Kernel.Grid(blocks, 1, 1, THREADS, tile.sharedBytes(slabs)),
                        new Struct()
                                .pointer(out.address())
                                .longs(out.trackStride())
                                .pointer(x.address())
                                .longs(x.trackStride())
                                .pointer(experts.address())
                                .pointer(experts.biasAddress())
                                .pointer(offsets)
                                .integer(x.tracks())
                                .integer(perTrack)
                                .integer(experts.outputs())
                                .integer(experts.inputs()));
    }
}
