package nighttrain.executor.device.cuda;

import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.Map;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Batch;

/** Attention of one rank: sequences with one token in the step go to the decode kernel, the others to the prefill kernel. */
final class CudaAttention {
    /** Blocks per multiprocessor that the decode kernel's splits should come to: two were slower on every batch measured. */
    private static final int DECODE_BLOCKS = 1;

    private static final int MAX_SPLITS = 64;
    private static final int SMALLEST_PREFILL_BLOCK = 64;
    private static final int LARGEST_GROUP = 32;

    private final KernelModules modules;
    private final Streams streams;
    private final StepInputs inputs;
    private final StepLimits limits;
    private final DeviceMemory memory;
    private final int multiprocessors;
    private final boolean hopper;
    private final boolean deterministic;
    private final DeviceMemory.Pinned hostWork;
    private final DevicePointer work;
    private DevicePointer partials;
    private DevicePointer arrivals;
    private long partialFloats;
    private long arrivalInts;
    private Batch workOf;
    private int workRows;
    private int workRowsPerToken;
    private int workCount;

    CudaAttention(
            CudaContext context,
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            StepLimits limits,
            DeviceMemory memory,
            boolean deterministic) {
        this.deterministic = deterministic;
        this.modules = modules;
        this.streams = streams;
        this.inputs = inputs;
        this.limits = limits;
        this.memory = memory;
        this.multiprocessors = context.multiprocessors();
        this.hopper = context.computeCapability() == 90;
        long items = limits.sequences() + (long) limits.tokens() * LARGEST_GROUP / SMALLEST_PREFILL_BLOCK + 1;
        this.hostWork = memory.pinned(items * 2 * Integer.BYTES);
        this.work = memory.allocate("prefill work", items * 2 * Integer.BYTES);
    }

    void run(CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape) {
        if (deterministic) {
            prefill(out, qkv, pages, shape); // the decode kernel adds up in another order
            return;
        }
        if (inputs.decodeCount() > 0) {
            decode(out, qkv, pages, shape);
        }
        if (inputs.decodeCount() < inputs.batch().sequences()) {
            prefill(out, qkv, pages, shape);
        }
    }

    private Map<String, Integer> defines(AttentionShape shape) {
        return Map.of(
                "HEAD_DIM", shape.headDim(),
                "PAGE_TOKENS", limits.pageTokens(),
                "GROUP", group(shape));
    }

    private static int group(AttentionShape shape) {
        return shape.heads() / shape.kvHeads();
    }

    private Struct arguments(CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape) {
        return new Struct()
                .pointer(out.address())
                .pointer(qkv.address())
                .pointer(pages.keys())
                .pointer(pages.values())
                .pointer(inputs.queryStarts())
                .pointer(inputs.contexts())
                .pointer(inputs.pageTables())
                .longs(out.trackStride())
                .longs(qkv.trackStride())
                .integer(qkv.cols())
                .integer(limits.pagesPerSequence())
                .integer(shape.heads())
                .integer(shape.kvHeads())
                .integer(shape.window())
                .number((float) (1 / Math.sqrt(shape.headDim())));
    }

    private void decode(CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape) {
        int count = inputs.decodeCount();
        int rows = Math.min(16, group(shape));
        int columns = pages.keyHeads() * ((group(shape) + 15) / 16);
        int wanted = (DECODE_BLOCKS * multiprocessors + columns * count - 1) / (columns * count);
        int splits = Math.max(1, Math.min(wanted, Math.min(MAX_SPLITS, limits.pagesPerSequence())));
        int padded = CudaKvPages.paddedDim(shape.headDim());
        reserve(splits == 1 ? 0 : (long) splits * columns * count * rows * (padded + 2), (long) columns * count);
        KernelSource source = new KernelSource("attention_decode.cu", defines(shape));
        DecodeRing ring = DecodeRing.of(padded);
        modules.get("attention_decode", source)
                .withSharedBytes(ring.sharedBytes())
                .launch(
                        streams.main(),
                        new Kernel.Grid(splits, columns, count, ring.threads(), ring.sharedBytes()),
                        arguments(out, qkv, pages, shape),
                        inputs.decodes(),
                        partials.address(),
                        arrivals.address(),
                        0);
    }

    /** Grows what splits leave for their merge. Recordings keep the buffer of their time, which stays allocated. */
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

    private void prefill(CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape) {
        PrefillBlock block = PrefillBlock.of(hopper, shape, group(shape));
        prepareWork(block.rows(), group(shape));
        modules.get("attention_prefill", new KernelSource(block.file(), defines(shape)))
                .withSharedBytes(block.sharedBytes())
                .launch(
                        streams.main(),
                        new Kernel.Grid(workCount, pages.keyHeads(), 1, block.threads(), block.sharedBytes()),
                        arguments(out, qkv, pages, shape),
                        work.address());
    }

    /** Blocks of packed query rows, those with the most keys to read first; made once a step. */
    private void prepareWork(int blockRows, int group) {
        if (workOf == inputs.batch() && workRows == blockRows && workRowsPerToken == group) {
            return;
        }
        workOf = inputs.batch();
        workRows = blockRows;
        workRowsPerToken = group;
        long[] byCost = new long[limits.sequences() + (int) ((long) limits.tokens() * group / blockRows) + 1];
        workCount = 0;
        for (int s = 0; s < workOf.sequences(); s++) {
            int length = inputs.queryLength(s);
            int blocks = length == 1 && !deterministic ? 0 : (length * group + blockRows - 1) / blockRows;
            for (int b = 0; b < blocks; b++) {
                long keys = inputs.context(s) - length + Math.min(length, (b + 1) * blockRows / group);
                byCost[workCount++] = -keys << 40 | (long) s << 20 | b;
            }
        }
        Arrays.sort(byCost, 0, workCount);
        IntBuffer items = hostWork.view().asIntBuffer();
        for (int i = 0; i < workCount; i++) {
            items.put(2 * i, (int) (byCost[i] >> 20 & 0xfffff));
            items.put(2 * i + 1, (int) (byCost[i] & 0xfffff));
        }
        hostWork.copyTo(work, (long) workCount * 2 * Integer.BYTES, streams.main());
    }
}
