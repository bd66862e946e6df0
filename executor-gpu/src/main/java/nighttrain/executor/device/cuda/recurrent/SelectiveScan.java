package nighttrain.executor.device.cuda.recurrent;

import java.util.Map;
import java.util.stream.Stream;
import nighttrain.executor.device.RecurrentOps.Decay;
import nighttrain.executor.device.RecurrentOps.ScanShape;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Mamba-2 on one GPU: sequences with one token in the step go to selective_scan.cu, the others to selective_scan_chunks.cu. */
public final class SelectiveScan {
    private final RecurrentKernels kernels;
    private final StepInputs inputs;
    private final boolean deterministic;

    SelectiveScan(RecurrentKernels kernels, StepInputs inputs, boolean deterministic) {
        this.kernels = kernels;
        this.inputs = inputs;
        this.deterministic = deterministic;
    }

    void run(CudaTensor out, CudaTensor projected, ScanShape shape, Decay decay, Tensor skip, CudaStates states) {
        int sequences = inputs.batch().sequences();
        boolean chunked = !deterministic && Block.cutsIntoChunks(shape, projected.cols());
        int tokenByToken = chunked ? inputs.decodeCount() : sequences;
        Block tokens = Block.ofTokens(shape);
        kernels.launch(
                states.build(tokens.source()),
                "selective_scan",
                tokens.grid(shape.heads(), tokenByToken, out.tracks()),
                arguments(out, projected, shape, decay, skip, states, chunked ? inputs.decodes() : 0));
        if (tokenByToken < sequences) {
            Block chunks = Block.ofChunks(shape);
            kernels.launch(
                    states.build(chunks.source()),
                    "selective_scan_chunks",
                    chunks.grid(shape.heads(), sequences, out.tracks()),
                    arguments(out, projected, shape, decay, skip, states, 0));
        }
    }

    /** Returns the arguments as selective_scan.cuh's {@code Scan}. */
    private Struct arguments(
            CudaTensor out,
            CudaTensor projected,
            ScanShape shape,
            Decay decay,
            Tensor skip,
            CudaStates states,
            long sequences) {
        Struct arguments = kernels.put(RecurrentKernels.tensors(out, projected), states);
        return RecurrentKernels.put(arguments, decay)
                .pointer(RecurrentKernels.address(skip))
                .pointer(inputs.queryStarts())
                .pointer(sequences)
                .integer(projected.cols())
                .integer(shape.heads())
                .integer(shape.groups())
                .number(shape.leastStep())
                .number(shape.mostStep());
    }

    /** Returns the kernels of a shape, with states in fp32. */
    public static Stream<KernelSource> sources(ScanShape shape, int projectedCols) {
        Stream<Block> chunks =
                Block.cutsIntoChunks(shape, projectedCols) ? Stream.of(Block.ofChunks(shape)) : Stream.empty();
        return Stream.concat(Stream.of(Block.ofTokens(shape)), chunks).map(Block::source);
    }

    /**
     * How a kernel cuts a head.
     *
     * @param columns columns of a head that a block computes, so that its part of a state fits its registers
     */
    private record Block(String file, int headDim, int stateSize, int columns, int sharedBytes) {
        private static final int CHUNK = 64;
        private static final int MMA = 16;

        /** Elements of a state that a block has registers for in chunks. */
        private static final int CHUNK_ELEMENTS = 80 * TokenBlock.THREADS;

        static Block ofTokens(ScanShape shape) {
            int columns = TokenBlock.columns(shape.headDim(), shape.stateSize());
            return new Block("selective_scan.cu", shape.headDim(), shape.stateSize(), columns, 0);
        }

        /** Returns whether tiles of the tensor cores, and vectors of 16 bytes, divide the shape. */
        static boolean cutsIntoChunks(ScanShape shape, int cols) {
            return shape.stateSize() % CHUNK == 0
                    && shape.stateSize() * MMA <= CHUNK_ELEMENTS
                    && shape.headDim() % MMA == 0
                    && cols % 8 == 0;
        }

        static Block ofChunks(ScanShape shape) {
            int columns = shape.headDim();
            for (int splits = 1; columns % MMA != 0 || columns * shape.stateSize() > CHUNK_ELEMENTS; splits++) {
                columns = shape.headDim() % splits == 0 ? shape.headDim() / splits : columns;
            }
            int size = shape.stateSize(); // shared: B, C and x of two chunks, and the state
            int sharedBytes = CudaTensor.BF16 * (2 * CHUNK * (2 * size + columns) + size * columns);
            return new Block("selective_scan_chunks.cu", shape.headDim(), size, columns, sharedBytes);
        }

        KernelSource source() {
            return new KernelSource(file, Map.of("HEAD_DIM", headDim, "STATE_SIZE", stateSize, "COLUMNS", columns));
        }

        Kernel.Grid grid(int heads, int sequences, int tracks) {
            int splits = Kernel.Grid.blocks(headDim, columns);
            return new Kernel.Grid(splits * heads, sequences, tracks, TokenBlock.THREADS, sharedBytes);
        }
    }
}
