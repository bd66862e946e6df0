package nighttrain.executor.device.cuda.recurrent;

import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.step.ChunkWork;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * A recurrence over heads of queries, keys and values. Sequences of few tokens in the step are computed token by token, the others in chunks: one
 * kernel computes the factors, which need no state, for all chunks at once, and another goes from chunk to chunk.
 */
final class ChunkedHeads {
    /** Tokens of a chunk, as in chunks.cuh. */
    static final int TOKENS = 64;

    /** Fewest tokens in the step of a sequence that is computed in chunks. */
    static final int SHORTEST = 16;

    /** Threads of a block of the kernels that compute factors. */
    static final int FACTOR_THREADS = 128;

    /** Side of a tile of the tensor cores. */
    static final int TILE = 16;

    static final int WARP = 32;

    private final RecurrentKernels kernels;
    private final StepInputs inputs;
    private final Scratch factors;
    private final boolean deterministic;

    ChunkedHeads(RecurrentKernels kernels, StepInputs inputs, Scratch factors, boolean deterministic) {
        this.kernels = kernels;
        this.inputs = inputs;
        this.factors = factors;
        this.deterministic = deterministic;
    }

    /** The kernel that computes token by token. */
    record TokenKernel(KernelSource source, String name, Kernel.Grid grid) {}

    /**
     * The kernels that compute a shape in chunks.
     *
     * @param heads heads of a track
     * @param splits blocks that share the columns of a head's state
     */
    record ChunkKernels(
            FactorKernel factors,
            KernelSource source,
            String name,
            int heads,
            int splits,
            int threads,
            int sharedBytes) {
        Stream<KernelSource> sources() {
            return Stream.of(factors.source, source);
        }
    }

    /**
     * The kernel of factors, which need no state.
     *
     * @param blocks blocks per chunk of a track
     * @param bytes bytes of the factors of a chunk and a head
     */
    record FactorKernel(KernelSource source, String name, int blocks, int bytes) {}

    /** Returns the arguments as heads.cuh's {@code Heads}. */
    Struct arguments(CudaTensor out, CudaTensor qkv, CudaTensor gates, CudaStates states, int keyHeads) {
        return kernels.put(RecurrentKernels.tensors(out, qkv, gates), states)
                .pointer(inputs.queryStarts())
                .integer(qkv.cols())
                .integer(keyHeads);
    }

    /** Enqueues the recurrence. {@code work} lists the sequences that are long enough for chunks, which {@code inChunks} computes if present. */
    void run(
            Struct arguments,
            CudaStates states,
            TokenKernel tokens,
            Optional<ChunkKernels> inChunks,
            int tracks,
            ChunkWork work) {
        Optional<ChunkKernels> chunks = inChunks.filter(kernel -> !deterministic);
        if (work.sequenceCount() > 0) {
            chunks.ifPresent(kernel -> goInChunks(arguments, states, kernel, tracks, work));
        }
        if (chunks.isEmpty() || work.sequenceCount() < inputs.batch().sequences()) {
            int mostTokens = chunks.isPresent() ? SHORTEST - 1 : Integer.MAX_VALUE;
            kernels.launch(states.build(tokens.source), tokens.name, tokens.grid, arguments, mostTokens);
        }
    }

    private void goInChunks(Struct arguments, CudaStates states, ChunkKernels chunks, int tracks, ChunkWork work) {
        FactorKernel first = chunks.factors;
        int heads = tracks * chunks.heads;
        long factorsOf = factors.of((long) work.chunkCount() * heads * first.bytes);
        kernels.launch(
                states.build(first.source),
                first.name,
                Kernel.Grid.of(work.chunkCount(), tracks * first.blocks, FACTOR_THREADS),
                arguments,
                work.chunks(),
                factorsOf);
        kernels.launch(
                states.build(chunks.source),
                chunks.name,
                new Kernel.Grid(chunks.splits, heads, work.sequenceCount(), chunks.threads, chunks.sharedBytes),
                arguments,
                work.sequences(),
                factorsOf);
    }

    /** Returns whether heads fill tiles of the tensor cores, in rows of whole vectors. */
    static boolean fillTiles(int keyDim, int valueDim, int qkvCols) {
        return keyDim % TILE == 0 && valueDim % TILE == 0 && CudaTensor.vector(qkvCols) > 1;
    }

    /**
     * Returns the warps of a block, each of which has a tile's columns of a head's state: the largest power of two that divides the tiles, at most 8.
     */
    static int tileWarps(int valueDim) {
        return Math.min(8, Integer.lowestOneBit(valueDim / TILE));
    }
}
