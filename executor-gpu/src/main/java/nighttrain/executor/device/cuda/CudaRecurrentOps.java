package nighttrain.executor.device.cuda;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
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

/** Recurrent mixers on one GPU. Activations are bf16, states and arithmetic fp32. */
final class CudaRecurrentOps implements RecurrentOps {
    private static final int THREADS = 128;
    private static final int WARP = 32;

    /** Most columns of a head or group that a warp gates by itself; a block takes wider ones. */
    private static final int WARP_PART = 1024;

    /** Tokens of a sequence that a thread of a convolution goes through. */
    private static final int PIECE = 64;

    /** Fewest tokens of a sequence in the step that go through the delta rule or linear attention in chunks. */
    private static final int CHUNKED_TOKENS = 16;

    /** Side of a tile of the tensor cores. */
    private static final int TILE = 16;

    /** Copies from slot to slot that one launch makes, as in copy_states.cu. */
    private static final int COPIES_AT_ONCE = 32;

    /** Blocks that copy one slot of one track, at most. */
    private static final int COPY_BLOCKS = 64;

    private final CudaContext context;
    private final KernelModules modules;
    private final Streams streams;
    private final StepInputs inputs;
    private final StepLimits limits;
    private final DeviceMemory memory;
    private final Fp8Operands fp8;
    private final boolean deterministic;
    private Optional<ChunkWork> pieces = Optional.empty();
    private Optional<ChunkWork> chunks = Optional.empty();
    private final Scratch edges = new Scratch("edges of pieces");
    private final Scratch factors = new Scratch("factors of chunks");
    private final Scratch linearFactors = new Scratch("factors of linear attention's chunks");
    private final List<CudaStates> all = new ArrayList<>();

    CudaRecurrentOps(
            CudaContext context,
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            StepLimits limits,
            DeviceMemory memory,
            Fp8Operands fp8,
            boolean deterministic) {
        this.context = context;
        this.modules = modules;
        this.streams = streams;
        this.inputs = inputs;
        this.limits = limits;
        this.memory = memory;
        this.fp8 = fp8;
        this.deterministic = deterministic;
    }

    /** Memory that grows with what a step needs. Captured graphs keep what they were captured with, which stays allocated. */
    private final class Scratch {
        private final String role;
        private DevicePointer memory;
        private long bytes;

        Scratch(String role) {
            this.role = role;
        }

        /** Its address, where there are so many bytes. */
        long of(long wanted) {
            if (wanted > bytes) {
                bytes = Math.max(wanted, bytes + bytes / 2);
                memory = CudaRecurrentOps.this.memory.allocate(role, bytes);
            }
            return memory.address();
        }
    }

    /**
     * {@code [track][slot][elements]}.
     *
     * @param trackStride elements of a track
     */
    private record CudaStates(long address, long trackStride, int tracks, int elements, StateFormat format)
            implements States {}

    @Override
    public States states(String role, int tracks, int slots, int elements, StateFormat format) {
        if (pieces.isEmpty()) {
            pieces = Optional.of(new ChunkWork(inputs, limits, memory, PIECE, 1));
            chunks = Optional.of(new ChunkWork(inputs, limits, memory, DeltaChunks.TOKENS, CHUNKED_TOKENS));
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

    /** Bits are copied, in halves of 32-bit numbers where these do not fill vectors. */
    private void copy(CudaStates states, List<SlotCopy> copies) {
        int halves = states.format.bytes() / Short.BYTES;
        int cols = states.elements * halves;
        int vector = vector(cols);
        Struct arguments = new Struct()
                .pointer(states.address)
                .longs(states.trackStride * halves)
                .longs(cols / vector);
        copies.forEach(copy -> arguments.integer(copy.from()).integer(copy.to()));
        modules.get("copy_states", copySource(vector))
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                Math.min(COPY_BLOCKS, blocks(cols / vector, THREADS)),
                                copies.size(),
                                states.tracks,
                                THREADS,
                                0),
                        arguments);
    }

    static KernelSource copySource(int vector) {
        return new KernelSource("copy_states.cu", Map.of("VECTOR", vector, "COPIES", COPIES_AT_ONCE));
    }

    /** Prepares the step that was begun last, where the model has states. */
    void begin(int turn) {
        pieces.ifPresent(work -> work.upload(turn, streams.main()));
        chunks.ifPresent(work -> work.upload(turn, streams.main()));
    }

    /** For an operation that writes to tensors. */
    private KernelModules launching() {
        fp8.forget();
        return modules;
    }

    private Kernel kernel(String file, String name, Map<String, Integer> defines) {
        return launching().get(name, new KernelSource(file, defines));
    }

    /** For an operation on states. */
    private Kernel kernel(String file, String name, Map<String, Integer> defines, States states) {
        return kernel(new KernelSource(file, defines), name, states);
    }

    private Kernel kernel(KernelSource source, String name, States states) {
        return launching().get(name, inFormat(source, states));
    }

    private static KernelSource inFormat(KernelSource source, States states) {
        return ((CudaStates) states).format == StateFormat.BF16 ? ofBf16States(source) : source;
    }

    /** The build of a kernel on states for such as are kept in bf16. */
    static KernelSource ofBf16States(KernelSource source) {
        Map<String, Integer> defines = new HashMap<>(source.defines());
        defines.put("BF16_STATES", 1);
        return new KernelSource(source.file(), defines);
    }

    /** Where each lies, and how far apart its tracks are. */
    private static Struct tensors(CudaTensor... all) {
        Struct arguments = new Struct();
        for (CudaTensor one : all) {
            arguments.pointer(one.address()).longs(one.trackStride());
        }
        return arguments;
    }

    /** As recurrent.cuh's {@code States}. */
    private Struct put(Struct arguments, States states) {
        CudaStates of = (CudaStates) states;
        return arguments
                .pointer(of.address)
                .longs(of.trackStride)
                .pointer(inputs.states())
                .longs(of.elements); // an int, and the end of a struct of pointers
    }

    /** As heads.cuh's {@code Heads}. */
    private Struct heads(CudaTensor out, CudaTensor qkv, CudaTensor gates, States states, int keyHeads) {
        return put(tensors(out, qkv, gates), states)
                .pointer(inputs.queryStarts())
                .integer(qkv.cols())
                .integer(keyHeads);
    }

    private static Struct put(Struct arguments, Decay decay) {
        return arguments.pointer(address(decay.rate())).pointer(address(decay.bias()));
    }

    private static long address(Tensor tensor) {
        return ((CudaTensor) tensor).address();
    }

    @Override
    public void convolve(Tensor xInOut, Convolution convolution, States latest) {
        CudaTensor x = (CudaTensor) xInOut;
        int width = convolution.weights().rows();
        int channels = convolution.weights().cols();
        int vector = vector(x.cols(), channels);
        ChunkWork work = pieces.orElseThrow();
        boolean divided = width > 1 && work.chunkCount() > work.sequenceCount();
        long edgeBytes = (long) x.tracks() * work.mostChunks() * (width - 1) * channels * CudaTensor.BF16;
        Kernel.Grid grid =
                new Kernel.Grid(blocks(channels / vector, THREADS), work.chunkCount(), x.tracks(), THREADS, 0);
        Map<String, Integer> defines = convolutionDefines(vector, width);
        Struct arguments = put(tensors(x).pointer(divided ? edges.of(edgeBytes) : 0), latest)
                .pointer(inputs.queryStarts())
                .pointer(work.chunks())
                .pointer(address(convolution.weights()))
                .pointer(convolution.bias().map(CudaRecurrentOps::address).orElse(0L))
                .integer(x.cols())
                .integer(channels);
        if (divided) {
            kernel("convolve.cu", "convolution_edges", defines, latest).launch(streams.main(), grid, arguments);
        }
        kernel("convolve.cu", "convolve", defines, latest).launch(streams.main(), grid, arguments);
    }

    static Map<String, Integer> convolutionDefines(int vector, int width) {
        return Map.of("VECTOR", vector, "WIDTH", width, "PIECE", PIECE);
    }

    @Override
    public void gatedDelta(Tensor out, Tensor qkv, Tensor betaDecay, DeltaShape shape, Decay decay, States states) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) qkv;
        CudaTensor gates = (CudaTensor) betaDecay;
        Struct arguments = put(heads(to, from, gates, states, shape.keyHeads()).integer(shape.valueHeads()), decay);
        boolean chunked = !deterministic && DeltaChunks.serves(shape, from.cols());
        ChunkWork work = chunks.orElseThrow();
        if (chunked && work.sequenceCount() > 0) {
            chunkedDelta(arguments, to.tracks(), shape, work, states);
        }
        if (!chunked || work.sequenceCount() < inputs.batch().sequences()) {
            DeltaBlock block = DeltaBlock.of(shape);
            kernel("gated_delta.cu", "gated_delta", deltaDefines(shape, from.cols()), states)
                    .launch(
                            streams.main(),
                            new Kernel.Grid(
                                    block.blocks(),
                                    to.tracks() * shape.valueHeads(),
                                    inputs.batch().sequences(),
                                    block.threads(),
                                    0),
                            arguments,
                            chunked ? CHUNKED_TOKENS - 1 : Integer.MAX_VALUE);
        }
    }

    private void chunkedDelta(Struct arguments, int tracks, DeltaShape shape, ChunkWork work, States states) {
        DeltaChunks block = DeltaChunks.of(shape, context.isHopper(), context.sharedBytes());
        long perChunk = (long) tracks * shape.valueHeads() * DeltaChunks.FACTOR_BYTES;
        long factorsOf = factors.of(work.chunkCount() * perChunk);
        int pairs = blocks(shape.valueHeads() / shape.keyHeads(), DeltaChunks.HEADS_AT_ONCE) * shape.keyHeads();
        kernel(DeltaChunks.factors(shape), "delta_factors", states)
                .launch(
                        streams.main(),
                        Kernel.Grid.of(work.chunkCount(), tracks * pairs, DeltaChunks.FACTOR_THREADS),
                        arguments,
                        work.chunks(),
                        factorsOf);
        kernel(block.source, "gated_delta_chunks", states)
                .withSharedBytes(block.sharedBytes)
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                shape.valueDim() / block.cols,
                                tracks * shape.valueHeads(),
                                work.sequenceCount(),
                                block.threads,
                                block.sharedBytes),
                        arguments,
                        work.sequences(),
                        factorsOf);
    }

    static Map<String, Integer> deltaDefines(DeltaShape shape, int qkvCols) {
        return Map.of(
                "KEY_DIM",
                shape.keyDim(),
                "VALUE_DIM",
                shape.valueDim(),
                "VECTOR",
                shape.keyDim() % (8 * 8) == 0 ? vector(qkvCols) : 1);
    }

    /** The launch shape of gated_delta.cu, derived as there. */
    private record DeltaBlock(int blocks, int threads) {
        private static final int WARPS = 4;

        static DeltaBlock of(DeltaShape shape) {
            int warpCols = 4 * (shape.valueDim() % 4 == 0 ? 4 : 1);
            return new DeltaBlock(CudaRecurrentOps.blocks(shape.valueDim(), WARPS * warpCols), WARPS * WARP);
        }
    }

    /** Warps of a block that have a tile's columns of a head's state each: as many as divide it, at most 8. */
    private static int tileWarps(int valueDim) {
        return Math.min(8, Integer.lowestOneBit(valueDim / TILE));
    }

    /**
     * Which kernel takes chunks of a shape, and its launch shape, derived as there.
     *
     * @param cols of a head's state that a block has
     */
    record DeltaChunks(KernelSource source, int cols, int threads, int sharedBytes) {
        static final int TOKENS = 64;
        static final int FACTOR_THREADS = 128;
        static final int HEADS_AT_ONCE = FACTOR_THREADS / TOKENS;
        static final int FACTOR_BYTES = 2 * TOKENS * TOKENS * CudaTensor.BF16 + 3 * TOKENS * Float.BYTES + 16;
        private static final int MOST_KEY_DIM = 128;
        private static final int WARPGROUP_COLS = 64;
        private static final int HOPPER_STAGES = 3;

        static boolean serves(DeltaShape shape, int qkvCols) {
            return shape.keyDim() <= MOST_KEY_DIM && fillTiles(shape.keyDim(), shape.valueDim(), qkvCols);
        }

        static DeltaChunks of(DeltaShape shape, boolean hopper, int mostSharedBytes) {
            boolean wide = shape.keyDim() % WARPGROUP_COLS == 0 && shape.valueDim() % WARPGROUP_COLS == 0;
            return hopper && wide ? hopper(shape) : portable(shape, mostSharedBytes);
        }

        private static DeltaChunks hopper(DeltaShape shape) {
            int warpgroups = shape.valueDim() % (2 * WARPGROUP_COLS) == 0 ? 2 : 1;
            int cols = WARPGROUP_COLS * warpgroups;
            int stage = tiles(shape, cols) + roundedUp(FACTOR_BYTES, 1024);
            return new DeltaChunks(
                    source("gated_delta_chunks_sm90.cu", shape, Map.of("WARPGROUPS", warpgroups)),
                    cols,
                    4 * WARP * warpgroups,
                    HOPPER_STAGES * stage + 1024);
        }

        private static DeltaChunks portable(DeltaShape shape, int mostSharedBytes) {
            int warps = tileWarps(shape.valueDim());
            int stage = tiles(shape, TILE * warps) + roundedUp(FACTOR_BYTES, 128);
            int stages = 2 * stage <= mostSharedBytes ? 2 : 1;
            return new DeltaChunks(
                    source("gated_delta_chunks.cu", shape, Map.of("WARPS", warps, "STAGES", stages)),
                    TILE * warps,
                    WARP * warps,
                    stages * stage);
        }

        /** Bytes of a chunk's keys, queries and values. */
        private static int tiles(DeltaShape shape, int cols) {
            return TOKENS * (2 * shape.keyDim() + cols) * CudaTensor.BF16;
        }

        private static int roundedUp(int bytes, int unit) {
            return (bytes + unit - 1) / unit * unit;
        }

        static KernelSource factors(DeltaShape shape) {
            return source("gated_delta_factors.cu", shape, Map.of());
        }

        private static KernelSource source(String file, DeltaShape shape, Map<String, Integer> block) {
            Map<String, Integer> defines = new HashMap<>(block);
            defines.put("KEY_DIM", shape.keyDim());
            defines.put("VALUE_DIM", shape.valueDim());
            return new KernelSource(file, defines);
        }
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

    /** {@code part}: columns of a head, of a group, or of what a rank has of it. */
    private void gateParts(String name, CudaTensor x, int part, Tensor gates, int firstCol, Struct arguments) {
        int lanes = lanes(part);
        int threads = Math.max(THREADS, lanes);
        Map<String, Integer> defines = gateDefines(part, x.cols(), gates.cols(), firstCol);
        kernel("gates.cu", name, defines)
                .launch(
                        streams.main(),
                        new Kernel.Grid(x.rows(), blocks(x.cols() / part, threads / lanes), x.tracks(), threads, 0),
                        arguments);
    }

    private static int lanes(int part) {
        return part <= WARP_PART ? WARP : 8 * WARP;
    }

    /** Vectors as wide as rows allow, but so that all lanes have some. */
    static Map<String, Integer> gateDefines(int part, int cols, int gateCols, int firstCol) {
        int widest = vector(part, cols, gateCols, firstCol);
        int vector = widest == 8 && part < 8 * WARP ? 4 : widest;
        return Map.of("VECTOR", vector, "PART", part, "LANES", lanes(part));
    }

    private static Struct gateArguments(CudaTensor x, Tensor gates, int firstCol, Norm norm) {
        return gateArguments(x, gates, firstCol, address(norm.weight()), norm.epsilon());
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

    /** As gates.cu's {@code Squares}. */
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
        Map<String, Integer> defines = gateDefines(x.cols(), x.cols(), gates.cols(), firstCol);
        int vectors = x.cols() / defines.get("VECTOR");
        kernel("gates.cu", "gate", defines)
                .launch(
                        streams.main(),
                        new Kernel.Grid(x.rows(), blocks(vectors, THREADS), x.tracks(), THREADS, 0),
                        gateArguments(x, gates, firstCol, 0, 0));
    }

    @Override
    public void selectiveScan(Tensor out, Tensor projected, ScanShape shape, Decay decay, Tensor skip, States states) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) projected;
        int sequences = inputs.batch().sequences();
        boolean chunked = !deterministic && ScanBlock.cutsIntoChunks(shape, from.cols());
        int tokenByToken = chunked ? inputs.decodeCount() : sequences;
        ScanBlock tokens = ScanBlock.ofTokens(shape);
        kernel("selective_scan.cu", "selective_scan", tokens.defines(), states)
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                tokens.splits() * shape.heads(), tokenByToken, to.tracks(), ScanBlock.THREADS, 0),
                        scanArguments(to, from, shape, decay, skip, states, chunked ? inputs.decodes() : 0));
        if (tokenByToken < sequences) {
            ScanBlock chunks = ScanBlock.ofChunks(shape);
            kernel("selective_scan_chunks.cu", "selective_scan_chunks", chunks.defines(), states)
                    .withSharedBytes(chunks.sharedBytes())
                    .launch(
                            streams.main(),
                            new Kernel.Grid(
                                    chunks.splits() * shape.heads(),
                                    sequences,
                                    to.tracks(),
                                    ScanBlock.THREADS,
                                    chunks.sharedBytes()),
                            scanArguments(to, from, shape, decay, skip, states, 0));
        }
    }

    /** As selective_scan.cuh's {@code Scan}. */
    private Struct scanArguments(
            CudaTensor out,
            CudaTensor projected,
            ScanShape shape,
            Decay decay,
            Tensor skip,
            States states,
            long sequences) {
        return put(put(tensors(out, projected), states), decay)
                .pointer(address(skip))
                .pointer(inputs.queryStarts())
                .pointer(sequences)
                .integer(projected.cols())
                .integer(shape.heads())
                .integer(shape.groups())
                .number(shape.leastStep())
                .number(shape.mostStep());
    }

    /**
     * How the kernels of Mamba-2 cut a head.
     *
     * @param columns of a head that a block takes, so that its part of a state fits its registers
     */
    record ScanBlock(int headDim, int stateSize, int columns) {
        static final int THREADS = 128;

        private static final int CHUNK = 64;
        private static final int MMA = 16;

        /** Elements of a state that a block has registers for, token by token and in chunks. */
        private static final int TOKEN_ELEMENTS = 64 * THREADS;

        private static final int CHUNK_ELEMENTS = 80 * THREADS;

        static ScanBlock ofTokens(ScanShape shape) {
            return new ScanBlock(shape.headDim(), shape.stateSize(), columns(shape.headDim(), shape.stateSize()));
        }

        /** Of a head's {@code cols}, in blocks as even as vectors allow. */
        static int columns(int cols, int stateRows) {
            int unit = vector(cols);
            int most = Math.min(TOKEN_ELEMENTS / stateRows, THREADS);
            int splits = blocks(cols, Math.max(unit, most / unit * unit));
            return blocks(blocks(cols, splits), unit) * unit;
        }

        /** Whether tiles of tensor cores, and vectors of 16 bytes, fit the shape. */
        static boolean cutsIntoChunks(ScanShape shape, int cols) {
            return shape.stateSize() % CHUNK == 0
                    && shape.stateSize() * MMA <= CHUNK_ELEMENTS
                    && shape.headDim() % MMA == 0
                    && cols % 8 == 0;
        }

        static ScanBlock ofChunks(ScanShape shape) {
            int columns = shape.headDim();
            for (int splits = 1; columns % MMA != 0 || columns * shape.stateSize() > CHUNK_ELEMENTS; splits++) {
                columns = shape.headDim() % splits == 0 ? shape.headDim() / splits : columns;
            }
            return new ScanBlock(shape.headDim(), shape.stateSize(), columns);
        }

        int splits() {
            return blocks(headDim, columns);
        }

        /** Of selective_scan_chunks.cu: B, C and x of two chunks, and the state. */
        int sharedBytes() {
            return CudaTensor.BF16 * (2 * CHUNK * (2 * stateSize + columns) + stateSize * columns);
        }

        Map<String, Integer> defines() {
            return Map.of("HEAD_DIM", headDim, "STATE_SIZE", stateSize, "COLUMNS", columns);
        }
    }

    @Override
    public void gatedLinear(Tensor out, Tensor qkv, Tensor decays, LinearShape shape, States states) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) qkv;
        CudaTensor by = (CudaTensor) decays;
        Struct arguments = heads(to, from, by, states, shape.heads())
                .number(shape.divisor())
                .number(shape.least());
        boolean chunked = !deterministic && LinearChunks.serves(shape, from.cols());
        ChunkWork work = chunks.orElseThrow();
        if (chunked && work.sequenceCount() > 0) {
            chunkedLinear(arguments, to.tracks(), shape, work, states);
        }
        int sequences = inputs.batch().sequences();
        if (!chunked || work.sequenceCount() < sequences) {
            Map<String, Integer> defines = linearDefines(shape);
            int splits = blocks(shape.valueDim(), defines.get("COLUMNS"));
            kernel("gated_linear.cu", "gated_linear", defines, states)
                    .launch(
                            streams.main(),
                            new Kernel.Grid(splits * shape.heads(), sequences, to.tracks(), THREADS, 0),
                            arguments,
                            chunked ? CHUNKED_TOKENS - 1 : Integer.MAX_VALUE);
        }
    }

    private void chunkedLinear(Struct arguments, int tracks, LinearShape shape, ChunkWork work, States states) {
        LinearChunks block = LinearChunks.of(shape);
        int heads = tracks * shape.heads();
        long factorsOf = linearFactors.of((long) work.chunkCount() * heads * block.factorBytes);
        kernel(block.source, "linear_factors", states)
                .launch(
                        streams.main(),
                        Kernel.Grid.of(work.chunkCount(), heads, LinearChunks.FACTOR_THREADS),
                        arguments,
                        work.chunks(),
                        factorsOf);
        kernel(block.source, "gated_linear_chunks", states)
                .withSharedBytes(block.sharedBytes)
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                shape.valueDim() / block.cols,
                                heads,
                                work.sequenceCount(),
                                block.threads,
                                block.sharedBytes),
                        arguments,
                        work.sequences(),
                        factorsOf);
    }

    /**
     * The launch shape of gated_linear_chunks.cu, derived as there.
     *
     * @param factorBytes of a chunk and a head
     * @param cols of a head's state that a block has
     */
    record LinearChunks(KernelSource source, int factorBytes, int cols, int threads, int sharedBytes) {
        static final int FACTOR_THREADS = 128;
        private static final int TOKENS = DeltaChunks.TOKENS;
        private static final int MOST_KEY_DIM = 256;

        static boolean serves(LinearShape shape, int qkvCols) {
            return shape.keyDim() <= MOST_KEY_DIM && fillTiles(shape.keyDim(), shape.valueDim(), qkvCols);
        }

        static LinearChunks of(LinearShape shape) {
            int warps = tileWarps(shape.valueDim());
            int cols = TILE * warps;
            int factorBytes = TOKENS * (2 * shape.keyDim() + TOKENS) * CudaTensor.BF16 + shape.keyDim() * Float.BYTES;
            return new LinearChunks(
                    new KernelSource(
                            "gated_linear_chunks.cu",
                            Map.of("KEY_DIM", shape.keyDim(), "VALUE_DIM", shape.valueDim(), "WARPS", warps)),
                    factorBytes,
                    cols,
                    WARP * warps,
                    factorBytes + TOKENS * cols * CudaTensor.BF16);
        }
    }

    static Map<String, Integer> linearDefines(LinearShape shape) {
        return Map.of(
                "KEY_DIM",
                shape.keyDim(),
                "VALUE_DIM",
                shape.valueDim(),
                "COLUMNS",
                ScanBlock.columns(shape.valueDim(), shape.keyDim()));
    }

    /** Whether heads fill tiles of the tensor cores, in rows of whole vectors. */
    private static boolean fillTiles(int keyDim, int valueDim, int qkvCols) {
        return keyDim % TILE == 0 && valueDim % TILE == 0 && vector(qkvCols) > 1;
    }

    /** Elements that a thread moves at a time where rows are cut at these columns. */
    private static int vector(int... cols) {
        return IntStream.of(cols).allMatch(count -> count % 8 == 0) ? 8 : 1;
    }

    private static int blocks(int count, int ofBlock) {
        return (count + ofBlock - 1) / ofBlock;
    }
}
