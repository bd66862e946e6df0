package nighttrain.executor.device.cuda.recurrent;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.device.RecurrentOps.Decay;
import nighttrain.executor.device.RecurrentOps.DeltaShape;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.recurrent.ChunkedHeads.ChunkKernels;
import nighttrain.executor.device.cuda.recurrent.ChunkedHeads.FactorKernel;
import nighttrain.executor.device.cuda.recurrent.ChunkedHeads.TokenKernel;
import nighttrain.executor.device.cuda.step.ChunkWork;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** The gated delta rule on one GPU: token by token by gated_delta.cu, in chunks as described in gated_delta_chunks.cuh. */
public final class GatedDelta {
    private final StepInputs inputs;
    private final ChunkedHeads heads;
    private final boolean hopper;
    private final int mostSharedBytes;

    GatedDelta(CudaContext context, StepInputs inputs, ChunkedHeads heads) {
        this.inputs = inputs;
        this.heads = heads;
        this.hopper = context.isHopper();
        this.mostSharedBytes = context.sharedBytes();
    }

    void run(
            CudaTensor out,
            CudaTensor qkv,
            CudaTensor betaDecay,
            DeltaShape shape,
            Decay decay,
            CudaStates states,
            ChunkWork work) {
        Struct arguments =
                heads.arguments(out, qkv, betaDecay, states, shape.keyHeads()).integer(shape.valueHeads());
        Kernel.Grid grid = new Kernel.Grid(
                TokenShape.blocks(shape.valueDim()),
                out.tracks() * shape.valueHeads(),
                inputs.batch().sequences(),
                TokenShape.THREADS,
                0);
        heads.run(
                RecurrentKernels.put(arguments, decay),
                states,
                new TokenKernel(TokenShape.source(shape, qkv.cols()), "gated_delta", grid),
                Chunks.of(shape, qkv.cols(), hopper, mostSharedBytes),
                out.tracks(),
                work);
    }

    /** Returns the kernels of a shape, with states in fp32. */
    public static Stream<KernelSource> sources(DeltaShape shape, int qkvCols, boolean hopper, int mostSharedBytes) {
        return Stream.concat(
                Stream.of(TokenShape.source(shape, qkvCols)),
                Chunks.of(shape, qkvCols, hopper, mostSharedBytes).stream().flatMap(ChunkKernels::sources));
    }

    /** The launch shape of gated_delta.cu, derived as in that file. */
    private static final class TokenShape {
        private static final int WARPS = 4;
        private static final int THREADS = WARPS * ChunkedHeads.WARP;

        static int blocks(int valueDim) {
            int warpCols = 4 * (valueDim % 4 == 0 ? 4 : 1);
            return Kernel.Grid.blocks(valueDim, WARPS * warpCols);
        }

        static KernelSource source(DeltaShape shape, int qkvCols) {
            int vector = shape.keyDim() % (8 * 8) == 0 ? CudaTensor.vector(qkvCols) : 1;
            return GatedDelta.source("gated_delta.cu", shape, Map.of("VECTOR", vector));
        }
    }

    /** The kernels that compute a shape in chunks, and their launch shapes, derived as in these files. */
    private static final class Chunks {
        private static final int HEADS_AT_ONCE = ChunkedHeads.FACTOR_THREADS / ChunkedHeads.TOKENS;
        private static final int FACTOR_BYTES = 2 * ChunkedHeads.TOKENS * ChunkedHeads.TOKENS * CudaTensor.BF16
                + 3 * ChunkedHeads.TOKENS * Float.BYTES
                + 16;
        private static final int MOST_KEY_DIM = 128;
        private static final int WARPGROUP_COLS = 64;
        private static final int HOPPER_STAGES = 3;

        static Optional<ChunkKernels> of(DeltaShape shape, int qkvCols, boolean hopper, int mostSharedBytes) {
            if (shape.keyDim() > MOST_KEY_DIM || !ChunkedHeads.fillTiles(shape.keyDim(), shape.valueDim(), qkvCols)) {
                return Optional.empty();
            }
            boolean wide = shape.keyDim() % WARPGROUP_COLS == 0 && shape.valueDim() % WARPGROUP_COLS == 0;
            return Optional.of(hopper && wide ? hopper(shape) : portable(shape, mostSharedBytes));
        }

        private static ChunkKernels hopper(DeltaShape shape) {
            int warpgroups = shape.valueDim() % (2 * WARPGROUP_COLS) == 0 ? 2 : 1;
            int cols = WARPGROUP_COLS * warpgroups;
            int stage = tiles(shape, cols) + roundedUp(FACTOR_BYTES, 1024);
            return kernels(
                    shape,
                    source("gated_delta_chunks_sm90.cu", shape, Map.of("WARPGROUPS", warpgroups)),
                    cols,
                    4 * ChunkedHeads.WARP * warpgroups,
                    HOPPER_STAGES * stage + 1024);
        }

        private static ChunkKernels portable(DeltaShape shape, int mostSharedBytes) {
            int warps = ChunkedHeads.tileWarps(shape.valueDim());
            int cols = ChunkedHeads.TILE * warps;
            int stage = tiles(shape, cols) + roundedUp(FACTOR_BYTES, 128);
            int stages = 2 * stage <= mostSharedBytes ? 2 : 1;
            return kernels(
                    shape,
                    source("gated_delta_chunks.cu", shape, Map.of("WARPS", warps, "STAGES", stages)),
                    cols,
                    ChunkedHeads.WARP * warps,
                    stages * stage);
        }

        /** {@code cols}: columns of a head's state that a block has. */
        private static ChunkKernels kernels(
                DeltaShape shape, KernelSource source, int cols, int threads, int sharedBytes) {
            int ofKeyHead = Kernel.Grid.blocks(shape.valueHeads() / shape.keyHeads(), HEADS_AT_ONCE);
            FactorKernel factors = new FactorKernel(
                    source("gated_delta_factors.cu", shape, Map.of()),
                    "delta_factors",
                    ofKeyHead * shape.keyHeads(),
                    FACTOR_BYTES);
            return new ChunkKernels(
                    factors,
                    source,
                    "gated_delta_chunks",
                    shape.valueHeads(),
                    shape.valueDim() / cols,
                    threads,
                    sharedBytes);
        }

        /** Bytes of a chunk's keys, queries and values. */
        private static int tiles(DeltaShape shape, int cols) {
            return ChunkedHeads.TOKENS * (2 * shape.keyDim() + cols) * CudaTensor.BF16;
        }

        private static int roundedUp(int bytes, int unit) {
            return (bytes + unit - 1) / unit * unit;
        }
    }

    private static KernelSource source(String file, DeltaShape shape, Map<String, Integer> block) {
        Map<String, Integer> defines = new HashMap<>(block);
        defines.put("KEY_DIM", shape.keyDim());
        defines.put("VALUE_DIM", shape.valueDim());
        return new KernelSource(file, defines);
    }
}
