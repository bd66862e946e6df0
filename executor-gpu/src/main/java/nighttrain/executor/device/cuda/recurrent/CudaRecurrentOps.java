package nighttrain.executor.device.cuda.recurrent;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.step.ChunkWork;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.spec.StateFormat;

/** Recurrent mixers on one GPU: their states, and the operations before and after recurrences. Activations are bf16, states fp32 or bf16. */
public final class CudaRecurrentOps implements RecurrentOps {
    private static final int THREADS = 128;
    private static final int WARP = 32;

    /** Most columns of a head or group that a warp gates by itself; a block takes wider ones. */
    private static final int WARP_PART = 1024;

    /** Tokens of a sequence that a thread of a convolution computes. */
    private static final int PIECE = 64;

    /** Slots that one launch copies, as in copy_states.cu. */
    private static final int COPIES_AT_ONCE = 32;

    /** Most blocks that copy one slot of one track. */
    private static final int COPY_BLOCKS = 64;

    private final Streams streams;
    private final StepInputs inputs;
    private final StepLimits limits;
    private final DeviceMemory memory;
    private final RecurrentKernels kernels;
    private final GatedDelta delta;
    private final GatedLinear linear;
    private final SelectiveScan scan;
    private final Scratch edges;
    private final List<CudaStates> all = new ArrayList<>();
    private Optional<ChunkWork> pieces = Optional.empty();
    private Optional<ChunkWork> chunks = Optional.empty();

    public CudaRecurrentOps(
            CudaContext context,
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            StepLimits limits,
            DeviceMemory memory,
            Fp8Operands fp8,
            boolean deterministic) {
        this.streams = streams;
        this.inputs = inputs;
        this.limits = limits;
        this.memory = memory;
        this.kernels = new RecurrentKernels(modules, streams, inputs, fp8);
        Scratch ofDelta = new Scratch(memory, "factors of chunks");
        Scratch ofLinear = new Scratch(memory, "factors of linear attention's chunks");
        this.delta = new GatedDelta(context, inputs, new ChunkedHeads(kernels, inputs, ofDelta, deterministic));
        this.linear = new GatedLinear(inputs, new ChunkedHeads(kernels, inputs, ofLinear, deterministic));
        this.scan = new SelectiveScan(kernels, inputs, deterministic);
        this.edges = new Scratch(memory, "edges of pieces");
    }

    @Override
    public States states(String role, int tracks, int slots, int elements, StateFormat format) {
        if (pieces.isEmpty()) {
            pieces = Optional.of(new ChunkWork(inputs, limits, memory, PIECE, 1));
            chunks = Optional.of(new ChunkWork(inputs, limits, memory, ChunkedHeads.TOKENS, ChunkedHeads.SHORTEST));
        }
        long ofTrack = (long) slots * elements;
        DevicePointer base = memory.allocate(role, tracks * ofTrack * format.bytes());
        CudaStates states = new CudaStates(base.address(), ofTrack, tracks, elements, format);
        all.add(states);
        return states;
    }

    @Override
    public void copy(List<SlotCopy> copies) {
        for (int from = 0; from < copies.size(); from += COPIES_AT_ONCE) {
            List<SlotCopy> some = copies.subList(from, Math.min(copies.size(), from + COPIES_AT_ONCE));
            all.forEach(states -> copy(states, some));
        }
    }

    /** Copies the bits of states, in 16-bit halves if 32-bit numbers do not fill vectors. */
    private void copy(CudaStates states, List<SlotCopy> copies) {
        int halves = states.format().bytes() / Short.BYTES;
        int cols = states.elements() * halves;
        int vector = CudaTensor.vector(cols);
        Struct arguments = new Struct()
                .pointer(states.address())
                .longs(states.trackStride() * halves)
                .longs(cols / vector);
        copies.forEach(copy -> arguments.integer(copy.from()).integer(copy.to()));
        int blocks = Math.min(COPY_BLOCKS, Kernel.Grid.blocks(cols / vector, THREADS));
        Kernel.Grid grid = new Kernel.Grid(blocks, copies.size(), states.tracks(), THREADS, 0);
        kernels.launch(copySource(vector), "copy_states", grid, arguments);
    }

    public static KernelSource copySource(int vector) {
        return new KernelSource("copy_states.cu", Map.of("VECTOR", vector, "COPIES", COPIES_AT_ONCE));
    }

    /** Prepares the step that was begun last, if the model has states. */
    public void begin(int turn) {
        pieces.ifPresent(work -> work.upload(turn, streams.main()));
        chunks.ifPresent(work -> work.upload(turn, streams.main()));
    }

    @Override
    public void convolve(Tensor xInOut, Convolution convolution, States latest) {
        CudaTensor x = (CudaTensor) xInOut;
        CudaStates states = (CudaStates) latest;
        int width = convolution.weights().rows();
        int channels = convolution.weights().cols();
        int vector = CudaTensor.vector(x.cols(), channels);
        ChunkWork work = pieces.orElseThrow();
        boolean divided = width > 1 && work.chunkCount() > work.sequenceCount();
        long edgeBytes = (long) x.tracks() * work.mostChunks() * (width - 1) * channels * CudaTensor.BF16;
        Kernel.Grid grid = new Kernel.Grid(
                Kernel.Grid.blocks(channels / vector, THREADS), work.chunkCount(), x.tracks(), THREADS, 0);
        KernelSource source = states.build(convolutionSource(vector, width));
        Struct arguments = kernels.put(RecurrentKernels.tensors(x).pointer(divided ? edges.of(edgeBytes) : 0), states)
                .pointer(inputs.queryStarts())
                .pointer(work.chunks())
                .pointer(RecurrentKernels.address(convolution.weights()))
                .pointer(convolution.bias().map(RecurrentKernels::address).orElse(0L))
                .integer(x.cols())
                .integer(channels);
        if (divided) {
            kernels.launch(source, "convolution_edges", grid, arguments);
        }
        kernels.launch(source, "convolve", grid, arguments);
    }

    public static KernelSource convolutionSource(int vector, int width) {
        return new KernelSource("convolve.cu", Map.of("VECTOR", vector, "WIDTH", width, "PIECE", PIECE));
    }

    @Override
    public void gatedDelta(Tensor out, Tensor qkv, Tensor betaDecay, DeltaShape shape, Decay decay, States states) {
        delta.run(
                (CudaTensor) out,
                (CudaTensor) qkv,
                (CudaTensor) betaDecay,
                shape,
                decay,
                (CudaStates) states,
                chunks.orElseThrow());
    }

    @Override
    public void gatedLinear(Tensor out, Tensor qkv, Tensor decays, LinearShape shape, States states) {
        linear.run(
                (CudaTensor) out,
                (CudaTensor) qkv,
                (CudaTensor) decays,
                shape,
                (CudaStates) states,
                chunks.orElseThrow());
    }

    @Override
    public void selectiveScan(Tensor out, Tensor projected, ScanShape shape, Decay decay, Tensor skip, States states) {
        scan.run((CudaTensor) out, (CudaTensor) projected, shape, decay, skip, (CudaStates) states);
    }

    @Override
    public void normAndGate(Tensor xInOut, Norm norm, Tensor gates, int firstCol) {
        CudaTensor x = (CudaTensor) xInOut;
        gateParts("norm_and_gate", x, norm.weight().cols(), gates, firstCol, gateArguments(x, gates, firstCol, norm));
    }

    @Override
    public void gateAndNorm(Tensor xInOut, Norm norm, int groups, Tensor gates, int firstCol) {
        CudaTensor x = (CudaTensor) xInOut;
        gateParts("gate_and_norm", x, x.cols() / groups, gates, firstCol, gateArguments(x, gates, firstCol, norm));
    }

    @Override
    public void gatedSquares(Tensor sumsOut, int group, Tensor x, Tensor gates, int firstCol) {
        CudaTensor from = (CudaTensor) x;
        Struct arguments =
                put(gateArguments(from, gates, firstCol, 0, 0), new GroupSquares(sumsOut, group, from.cols()));
        gateParts("gated_squares", from, from.cols(), gates, firstCol, arguments);
    }

    @Override
    public void gateAndNorm(Tensor xInOut, Norm norm, GroupSquares squares, Tensor gates, int firstCol) {
        CudaTensor x = (CudaTensor) xInOut;
        Struct arguments = put(gateArguments(x, gates, firstCol, norm), squares);
        gateParts("gate_and_norm_by_squares", x, x.cols(), gates, firstCol, arguments);
    }

    /** {@code part}: columns of a head, of a group, or of a rank's part of a group. */
    private void gateParts(String name, CudaTensor x, int part, Tensor gates, int firstCol, Struct arguments) {
        int lanes = lanes(part);
        int threads = Math.max(THREADS, lanes);
        int blocks = Kernel.Grid.blocks(x.cols() / part, threads / lanes);
        Kernel.Grid grid = new Kernel.Grid(x.rows(), blocks, x.tracks(), threads, 0);
        kernels.launch(gateSource(part, x.cols(), gates.cols(), firstCol), name, grid, arguments);
    }

    private static int lanes(int part) {
        return part <= WARP_PART ? WARP : 8 * WARP;
    }

    /** Returns the kernel with vectors as wide as rows allow, but so narrow that all lanes have work. */
    public static KernelSource gateSource(int part, int cols, int gateCols, int firstCol) {
        int widest = CudaTensor.vector(part, cols, gateCols, firstCol);
        int vector = widest == 8 && part < 8 * WARP ? 4 : widest;
        return new KernelSource("gates.cu", Map.of("VECTOR", vector, "PART", part, "LANES", lanes(part)));
    }

    private static Struct gateArguments(CudaTensor x, Tensor gates, int firstCol, Norm norm) {
        return gateArguments(x, gates, firstCol, RecurrentKernels.address(norm.weight()), norm.epsilon());
    }

    private static Struct gateArguments(CudaTensor x, Tensor gates, int firstCol, long weight, float epsilon) {
        CudaTensor by = (CudaTensor) gates;
        return new Struct()
                .pointer(x.address())
                .longs(x.trackStride())
                .pointer(by.address() + (long) firstCol * CudaTensor.BF16)
                .longs(by.trackStride())
                .pointer(weight)
                .number(epsilon)
                .integer(x.cols())
                .integer(by.cols());
    }

    /** Appends gates.cu's {@code Squares}. */
    private static Struct put(Struct arguments, GroupSquares squares) {
        CudaTensor sums = (CudaTensor) squares.sums();
        return arguments
                .pointer(sums.address())
                .longs(sums.trackStride())
                .integer(sums.cols())
                .integer(squares.group())
                .integer(squares.cols());
    }

    @Override
    public void gate(Tensor xInOut, Tensor gates, int firstCol) {
        CudaTensor x = (CudaTensor) xInOut;
        KernelSource source = gateSource(x.cols(), x.cols(), gates.cols(), firstCol);
        int blocks = Kernel.Grid.blocks(x.cols() / source.defines().get("VECTOR"), THREADS);
        Kernel.Grid grid = new Kernel.Grid(x.rows(), blocks, x.tracks(), THREADS, 0);
        kernels.launch(source, "gate", grid, gateArguments(x, gates, firstCol, 0, 0));
    }
}
