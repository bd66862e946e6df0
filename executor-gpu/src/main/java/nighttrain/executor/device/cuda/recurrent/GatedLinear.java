package nighttrain.executor.device.cuda.recurrent;

import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.device.RecurrentOps.LinearShape;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.recurrent.ChunkedHeads.ChunkKernels;
import nighttrain.executor.device.cuda.recurrent.ChunkedHeads.FactorKernel;
import nighttrain.executor.device.cuda.recurrent.ChunkedHeads.TokenKernel;
import nighttrain.executor.device.cuda.step.ChunkWork;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Gated linear attention on one GPU: token by token by gated_linear.cu, in chunks by gated_linear_chunks.cu. */
public final class GatedLinear {
    private static final int MOST_CHUNKED_KEY_DIM = 256;

    private final StepInputs inputs;
    private final ChunkedHeads heads;

    GatedLinear(StepInputs inputs, ChunkedHeads heads) {
        this.inputs = inputs;
        this.heads = heads;
    }

    void run(CudaTensor out, CudaTensor qkv, CudaTensor decays, LinearShape shape, CudaStates states, ChunkWork work) {
        Struct arguments = heads.arguments(out, qkv, decays, states, shape.heads())
                .number(shape.divisor())
                .number(shape.least());
        int splits = Kernel.Grid.blocks(shape.valueDim(), columns(shape));
        Kernel.Grid grid = new Kernel.Grid(
                splits * shape.heads(), inputs.batch().sequences(), out.tracks(), TokenBlock.THREADS, 0);
        TokenKernel tokens = new TokenKernel(source(shape), "gated_linear", grid);
        heads.run(arguments, states, tokens, chunks(shape, qkv.cols()), out.tracks(), work);
    }

    /** Returns the kernels of a shape, with states in fp32. */
    public static Stream<KernelSource> sources(LinearShape shape, int qkvCols) {
        return Stream.concat(
                Stream.of(source(shape)), chunks(shape, qkvCols).stream().flatMap(ChunkKernels::sources));
    }

    private static KernelSource source(LinearShape shape) {
        return new KernelSource(
                "gated_linear.cu",
                Map.of("KEY_DIM", shape.keyDim(), "VALUE_DIM", shape.valueDim(), "COLUMNS", columns(shape)));
    }

    private static int columns(LinearShape shape) {
        return TokenBlock.columns(shape.valueDim(), shape.keyDim());
    }

    /** Returns the kernels of gated_linear_chunks.cu and their launch shape, derived as in that file; none if they do not serve the shape. */
    private static Optional<ChunkKernels> chunks(LinearShape shape, int qkvCols) {
        if (shape.keyDim() > MOST_CHUNKED_KEY_DIM
                || !ChunkedHeads.fillTiles(shape.keyDim(), shape.valueDim(), qkvCols)) {
            return Optional.empty();
        }
        int warps = ChunkedHeads.tileWarps(shape.valueDim());
        int cols = ChunkedHeads.TILE * warps;
        int factorBytes = ChunkedHeads.TOKENS * (2 * shape.keyDim() + ChunkedHeads.TOKENS) * CudaTensor.BF16
                + shape.keyDim() * Float.BYTES;
        KernelSource source = new KernelSource(
                "gated_linear_chunks.cu",
                Map.of("KEY_DIM", shape.keyDim(), "VALUE_DIM", shape.valueDim(), "WARPS", warps));
        return Optional.of(new ChunkKernels(
                new FactorKernel(source, "linear_factors", shape.heads(), factorBytes),
                source,
                "gated_linear_chunks",
                shape.heads(),
                shape.valueDim() / cols,
                ChunkedHeads.WARP * warps,
                factorBytes + ChunkedHeads.TOKENS * cols * CudaTensor.BF16));
    }
}
