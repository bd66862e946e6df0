package nighttrain.executor.device.cuda;

import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.step.StepTurns;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.spec.KvFormat;

/** Attention of one rank: sequences with one token in the step go to the decode kernel, the others to the prefill kernel. */
final class CudaAttention {
    /** Blocks per multiprocessor that the decode kernel is split into. Two were slower on every measured batch. */
    private static final int DECODE_BLOCKS = 1;

    private static final int MAX_SPLITS = 64;

    /** Up to this many blocks per multiprocessor count as few. */
    private static final long FEW_BLOCKS = 2;

    private static final int WARP = 32;

    private final KernelModules modules;
    private final Streams streams;
    private final StepInputs inputs;
    private final StepLimits limits;
    private final int pageTokens;
    private final DeviceMemory memory;
    private final int multiprocessors;
    private final boolean hopper;
    private final boolean deterministic;
    private final Map<Cut, PrefillWork> prefillWork = new HashMap<>();
    private DevicePointer partials;
    private DevicePointer arrivals;
    private long partialFloats;
    private long arrivalInts;
    private int turn;

    /** How a prefill kernel cuts a sequence: rows of a block, query heads that share a key head. */
    private record Cut(int blockRows, int group) {}

    CudaAttention(
            CudaContext context,
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            StepLimits limits,
            int pageTokens,
            DeviceMemory memory,
            boolean deterministic) {
        this.deterministic = deterministic;
        this.modules = modules;
        this.streams = streams;
        this.inputs = inputs;
        this.limits = limits;
        this.pageTokens = pageTokens;
        this.memory = memory;
        this.multiprocessors = context.multiprocessors();
        this.hopper = context.isHopper();
    }

    /** Prepares the step that was begun last: uploads the work lists that captured graphs read. */
    void begin(int stepTurn) {
        turn = stepTurn;
        prefillWork.values().forEach(work -> work.upload(turn, streams.main()));
    }

    void run(CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape, Optional<CudaTensor> sinks) {
        if (deterministic) {
            prefill(out, qkv, pages, shape, sinks); // since the decode kernel adds in another order
            return;
        }
        if (inputs.decodeCount() > 0) {
            decode(out, qkv, pages, shape, sinks);
        }
        if (inputs.decodeCount() < inputs.batch().sequences()) {
            prefill(out, qkv, pages, shape, sinks);
        }
    }

    /** Returns the constants that the attention kernels are compiled for. */
    static Map<String, Integer> defines(AttentionShape shape, int pageTokens, boolean sinks, KvFormat pages) {
        return Map.of(
                "HEAD_DIM",
                shape.headDim(),
                "PAGE_TOKENS",
                pageTokens,
                "GROUP",
                group(shape),
                "SINKS",
                sinks ? 1 : 0,
                "KV_CODES",
                codes(pages));
    }

    /** Returns the kernels' code of the number format of pages. */
    static int codes(KvFormat pages) {
        return switch (pages) {
            case PLAIN -> 0;
            case FP8 -> 1;
            case INT8 -> 2;
        };
    }

    private static int group(AttentionShape shape) {
        return shape.heads() / shape.kvHeads();
    }

    private Struct arguments(
            CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape, Optional<CudaTensor> sinks) {
        return new Struct()
                .pointer(out.address())
                .pointer(qkv.address())
                .pointer(pages.keys())
                .pointer(pages.values())
                .pointer(pages.scales())
                .pointer(inputs.queryStarts())
                .pointer(inputs.contexts())
                .pointer(inputs.pageTables(pages.group()))
                .pointer(sinks.map(CudaTensor::address).orElse(0L))
                .longs(out.trackStride())
                .longs(qkv.trackStride())
                .integer(qkv.cols())
                .integer(inputs.pageTableStride())
                .integer(shape.heads())
                .integer(shape.kvHeads())
                .integer(shape.window())
                .number(shape.scale());
    }

    private void decode(
            CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape, Optional<CudaTensor> sinks) {
        int count = inputs.decodeCount();
        int rows = Math.min(16, group(shape));
        int columns = pages.keyHeads() * ((group(shape) + 15) / 16);
        int wanted = (DECODE_BLOCKS * multiprocessors + columns * count - 1) / (columns * count);
        int splits = Math.max(1, Math.min(wanted, Math.min(MAX_SPLITS, inputs.pagesPerSequence())));
        int padded = CudaKvPages.paddedDim(shape.headDim());
        reserve(splits == 1 ? 0 : (long) splits * columns * count * rows * (padded + 2), (long) columns * count);
        boolean fewBlocks = (long) splits * columns * count <= FEW_BLOCKS * multiprocessors;
        DecodeBlock block = DecodeBlock.of(padded, group(shape), pages.format().isBytes(), fewBlocks);
        Map<String, Integer> defines = defines(shape, pageTokens, sinks.isPresent(), pages.format());
        for (int warps : DecodeBlock.warps(padded)) { // all, so that no later step waits for the compiler
            modules.get("attention_decode", DecodeBlock.source(defines, warps));
        }
        modules.get("attention_decode", DecodeBlock.source(defines, block.warps()))
                .withSharedBytes(block.sharedBytes())
                .launch(
                        streams.main(),
                        new Kernel.Grid(splits, columns, count, block.warps() * WARP, block.sharedBytes()),
                        arguments(out, qkv, pages, shape, sinks),
                        inputs.decodes(),
                        partials.address(),
                        arrivals.address(),
                        0);
    }

    /** Enlarges the buffers of partial results. Captured graphs keep the buffers that they were captured with, which stay allocated. */
    private void reserve(long floats, long counters) {
        if (partials == null || floats > partialFloats) {
            partialFloats = Math.max(floats, 1 << 20);
            partials = memory.allocate("partial attention", partialFloats * Float.BYTES);
        }
        if (arrivals == null || counters > arrivalInts) {
            arrivalInts = Math.max(counters, 1 << 14);
            arrivals = memory.allocate("arrivals of splits", arrivalInts * Integer.BYTES);
        }
    }

    private void prefill(
            CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape, Optional<CudaTensor> sinks) {
        PrefillBlock block =
                PrefillBlock.of(hopper, shape, group(shape), pages.format().isBytes());
        PrefillWork work = prefillWork.computeIfAbsent(new Cut(block.rows(), group(shape)), this::work);
        modules.get(
                        "attention_prefill",
                        new KernelSource(block.file(), defines(shape, pageTokens, sinks.isPresent(), pages.format())))
                .withSharedBytes(block.sharedBytes())
                .launch(
                        streams.main(),
                        new Kernel.Grid(work.count(), pages.keyHeads(), 1, block.threads(), block.sharedBytes()),
                        arguments(out, qkv, pages, shape, sinks),
                        work.items());
    }

    /** The work list of a new cut, with the current step's work in it. */
    private PrefillWork work(Cut cut) {
        PrefillWork work = new PrefillWork(inputs, limits, memory, cut.blockRows, cut.group, deterministic ? 1 : 2);
        work.upload(turn, streams.main());
        return work;
    }

    /** The launch shape of attention_decode.cu, derived as in that file. */
    record DecodeBlock(int warps, int sharedBytes) {
        private static final int MANY_BLOCKS_WARPS = 2;
        private static final int FEW_BLOCKS_WARPS = 4;
        private static final int WARP_BYTES = 12 * 1024;

        static DecodeBlock of(int paddedDim, int group, boolean bytes, boolean fewBlocks) {
            boolean wide = isWide(paddedDim);
            int warps = fewBlocks && !wide ? FEW_BLOCKS_WARPS : MANY_BLOCKS_WARPS;
            int stageBytes = bytes ? 32 * paddedDim + 128 : 64 * paddedDim; // 16 tokens of keys and of values
            int stages = stageBytes > WARP_BYTES ? 2 : Math.max(3, Math.min(8, WARP_BYTES / stageBytes));
            int queryBytes = wide ? (group > 8 ? 32 : 16) * paddedDim : 0;
            return new DecodeBlock(warps, warps * stages * stageBytes + queryBytes);
        }

        /** Returns the numbers of warps that its blocks may have. */
        static List<Integer> warps(int paddedDim) {
            return isWide(paddedDim) ? List.of(MANY_BLOCKS_WARPS) : List.of(MANY_BLOCKS_WARPS, FEW_BLOCKS_WARPS);
        }

        static KernelSource source(Map<String, Integer> attention, int warps) {
            Map<String, Integer> defines = new HashMap<>(attention);
            defines.put("WARPS", warps);
            return new KernelSource("attention_decode.cu", defines);
        }

        private static boolean isWide(int paddedDim) {
            return paddedDim > 128;
        }
    }

    /** The prefill kernel that serves a shape, and its launch shape, derived as in that file. */
    record PrefillBlock(String file, int rows, int threads, int sharedBytes) {
        private static final int LARGEST_HOPPER_GROUP = 16;
        /** Bytes of 16 numbers in 8 bits and the scales of four tokens. */
        private static final int STAGED_CHUNK = 20;

        static PrefillBlock of(boolean hopper, AttentionShape shape, int group, boolean bytes) {
            boolean aligned = shape.headDim() == 64 || shape.headDim() == 128;
            return hopper && aligned && group <= LARGEST_HOPPER_GROUP
                    ? hopper(shape.headDim(), bytes)
                    : portable(shape.headDim(), bytes);
        }

        private static PrefillBlock hopper(int headDim, boolean bytes) {
            int rows = headDim == 64 && !bytes ? 192 : 128;
            int tileBytes = headDim * CudaTensor.BF16;
            int staged = bytes ? 4 * 128 * (headDim + 1) : 0;
            return new PrefillBlock(
                    "attention_prefill_sm90.cu",
                    rows,
                    (bytes ? 256 : 128) + 2 * rows,
                    (4 * 128 + rows) * tileBytes + staged + 1024);
        }

        private static PrefillBlock portable(int headDim, boolean bytes) {
            int padded = CudaKvPages.paddedDim(headDim);
            boolean wide = padded > 128;
            int rows = 128;
            int tileTokens = wide ? 32 : 64;
            int rowThreads = padded > 128 ? 16 : padded > 64 ? 8 : 4;
            int staged = bytes ? tileTokens * rowThreads * STAGED_CHUNK : 0;
            return new PrefillBlock(
                    "attention_prefill.cu",
                    rows,
                    wide ? 256 : 128,
                    (rows + 2 * tileTokens) * padded * CudaTensor.BF16 + staged);
        }
    }

    /** The work list of a prefill kernel: each item is a block of query rows of one sequence. Items that read the most keys are first. */
    public static final class PrefillWork {
        private final StepInputs inputs;
        private final int blockRows;
        private final int rowsPerToken;
        private final int shortest;
        private final long[] byCost;
        private final DeviceMemory.Pinned[] hosts = new DeviceMemory.Pinned[StepTurns.COUNT];
        private final DevicePointer items;
        private int count;

        /**
         * @param blockRows query rows that a block takes
         * @param rowsPerToken query heads that share a key head
         * @param shortest fewest tokens of a sequence in the step that this kernel takes
         */
        public PrefillWork(
                StepInputs inputs,
                StepLimits limits,
                DeviceMemory memory,
                int blockRows,
                int rowsPerToken,
                int shortest) {
            this.inputs = inputs;
            this.blockRows = blockRows;
            this.rowsPerToken = rowsPerToken;
            this.shortest = shortest;
            this.byCost =
                    new long[limits.maxSequences() + (int) ((long) limits.maxTokens() * rowsPerToken / blockRows) + 1];
            this.items = memory.allocate("prefill work", byCost.length * 2L * Integer.BYTES);
            for (int turn = 0; turn < StepTurns.COUNT; turn++) {
                hosts[turn] = memory.pinned(byCost.length * 2L * Integer.BYTES);
            }
        }

        /** Enqueues the work list of the step that was begun last. */
        public void upload(int turn, Stream stream) {
            count = 0;
            for (int s = 0; s < inputs.batch().sequences(); s++) {
                int length = inputs.queryLength(s);
                int blocks = length < shortest ? 0 : (length * rowsPerToken + blockRows - 1) / blockRows;
                for (int b = 0; b < blocks; b++) {
                    long keys = inputs.context(s) - length + Math.min(length, (b + 1L) * blockRows / rowsPerToken);
                    byCost[count++] = -keys << 40 | (long) s << 20 | b;
                }
            }
            if (count == 0) {
                return;
            }
            Arrays.sort(byCost, 0, count);
            IntBuffer ints = hosts[turn].view().asIntBuffer();
            for (int i = 0; i < count; i++) {
                ints.put(2 * i, (int) (byCost[i] >> 20 & 0xfffff));
                ints.put(2 * i + 1, (int) (byCost[i] & 0xfffff));
            }
            hosts[turn].copyTo(items, count * 2L * Integer.BYTES, stream);
        }

        /** Blocks that the step needs. */
        public int count() {
            return count;
        }

        public long items() {
            return items.address();
        }
    }

    /**
     * Keys and values in bf16 or bytes, each {@code [page][track * kvHeads + head][pageTokens][paddedDim]}.
     *
     * @param scales scales of keys and values in bytes, a byte each, {@code [page][track * kvHeads + head][pageTokens / 16][keys, values][16]}; 0 for
     *     bf16
     * @param group the group of layers, which selects the page table of a sequence
     * @param keyHeads key heads of all tracks
     */
    public record CudaKvPages(
            long keys, long values, long scales, KvFormat format, int group, int keyHeads, int pageTokens)
            implements KvPages {
        public static CudaKvPages allocated(
                DeviceMemory memory,
                String role,
                int group,
                int pages,
                int keyHeads,
                int pageTokens,
                int headDim,
                KvFormat format) {
            long rows = (long) pages * keyHeads * pageTokens;
            long bytes = rows * paddedDim(headDim) * (format.isBytes() ? 1 : CudaTensor.BF16);
            return new CudaKvPages(
                    memory.allocate(role + ", keys", bytes).address(),
                    memory.allocate(role + ", values", bytes).address(),
                    format.isBytes()
                            ? memory.allocate(role + ", scales", 2 * rows).address()
                            : 0,
                    format,
                    group,
                    keyHeads,
                    pageTokens);
        }

        /** Rows are padded with zeros to whole tiles of the tensor cores. */
        public static int paddedDim(int headDim) {
            return (headDim + 15) / 16 * 16;
        }
    }
}
