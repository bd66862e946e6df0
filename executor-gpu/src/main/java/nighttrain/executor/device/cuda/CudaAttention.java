package nighttrain.executor.device.cuda;

import java.util.HashMap;
import java.util.Map;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.step.DecodeRing;
import nighttrain.executor.device.cuda.step.PrefillWork;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.tensor.CudaKvPages;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.step.StepLimits;

/** Attention of one rank: sequences with one token in the step go to the decode kernel, the others to the prefill kernel. */
final class CudaAttention {
    /** Blocks per multiprocessor that the decode kernel's splits should come to: two were slower on every batch measured. */
    private static final int DECODE_BLOCKS = 1;

    private static final int MAX_SPLITS = 64;

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

    /** Prepares for the step whose inputs were taken last: a recording finds here what is cut on the host. */
    void begin(int stepTurn) {
        turn = stepTurn;
        prefillWork.values().forEach(work -> work.upload(turn, streams.main()));
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
                "PAGE_TOKENS", pageTokens,
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
                .pointer(inputs.pageTables(pages.group()))
                .longs(out.trackStride())
                .longs(qkv.trackStride())
                .integer(qkv.cols())
                .integer(inputs.pageTableStride())
                .integer(shape.heads())
                .integer(shape.kvHeads())
                .integer(shape.window())
                .number(shape.scale());
    }

    private void decode(CudaTensor out, CudaTensor qkv, CudaKvPages pages, AttentionShape shape) {
        int count = inputs.decodeCount();
        int rows = Math.min(16, group(shape));
        int columns = pages.keyHeads() * ((group(shape) + 15) / 16);
        int wanted = (DECODE_BLOCKS * multiprocessors + columns * count - 1) / (columns * count);
        int splits = Math.max(1, Math.min(wanted, Math.min(MAX_SPLITS, inputs.pagesPerSequence())));
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
        PrefillWork work = prefillWork.computeIfAbsent(new Cut(block.rows(), group(shape)), this::work);
        modules.get("attention_prefill", new KernelSource(block.file(), defines(shape)))
                .withSharedBytes(block.sharedBytes())
                .launch(
                        streams.main(),
                        new Kernel.Grid(work.count(), pages.keyHeads(), 1, block.threads(), block.sharedBytes()),
                        arguments(out, qkv, pages, shape),
                        work.items());
    }

    /** Of a cut that comes up for the first time: this step's too. */
    private PrefillWork work(Cut cut) {
        PrefillWork work = new PrefillWork(inputs, limits, memory, cut.blockRows, cut.group, deterministic ? 1 : 2);
        work.upload(turn, streams.main());
        return work;
    }
}
