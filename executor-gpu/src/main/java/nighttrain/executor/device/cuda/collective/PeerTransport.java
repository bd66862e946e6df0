package nighttrain.executor.device.cuda.collective;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.Communicator.RowShare;
import nighttrain.executor.device.Device.GraphRecorder.CapturedGraph;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.CudaGraphRecorder;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.GpuTimer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * Communicates by kernels that read the memory of peers: one-shot for small tensors (latency), two-shot for large ones (bandwidth). Ranks
 * synchronise by flags in device memory, so the host never waits.
 */
public final class PeerTransport implements Transport {
    static final int BLOCKS = 64;

    /**
     * Most blocks of an all-reduce with a norm, where a block computes one row at a time. If there are more than {@link #BLOCKS}, several blocks
     * share the flags of one place.
     */
    private static final int MOST_BLOCKS = 256;

    public static final int MAX_RANKS = 8;
    private static final int THREADS = 512;
    private static final Kernel.Grid WHOLE = Kernel.Grid.of(BLOCKS, 1, THREADS);

    /** Few blocks, so that other work keeps most multiprocessors. With half as many, all-reduces took too long. */
    private static final Kernel.Grid BESIDE = Kernel.Grid.of(BLOCKS / 2, 1, THREADS);

    /**
     * The largest parts, in bytes, that are summed by the kernel that norms, by number of ranks. On two ranks it is the faster at every size
     * (BENCHMARKS.md). On more ranks a two-shot all-reduce moves fewer bytes, so that large parts are summed and normed by separate kernels.
     */
    private static final Map<Integer, Long> MOST_NORMED_BYTES = Map.of(2, Long.MAX_VALUE, 4, 1L << 20, 8, 1L << 19);

    private final int rank;
    private final int size;
    private final KernelModules modules;
    private final PeerBuffers buffers;
    private final TwoShotThreshold threshold;
    private final CommTimer clock;
    private final DevicePointer flags;
    private final DevicePointer epochs;
    private final DeviceMemory.Pinned abort;
    private long[] allFlags;

    PeerTransport(
            int rank, PeerGroup peers, KernelModules modules, Streams streams, DeviceMemory memory, CommTimer clock) {
        this.rank = rank;
        this.size = peers.ranks();
        this.modules = modules;
        this.clock = clock;
        this.buffers = new PeerBuffers(rank, peers, memory);
        this.threshold = new TwoShotThreshold(streams, buffers);
        this.flags = memory.allocate("flags of ranks", (long) BLOCKS * MAX_RANKS * Integer.BYTES);
        this.epochs = memory.allocate("epochs of ranks", (long) MOST_BLOCKS * Integer.BYTES);
        this.abort = memory.pinned(Integer.BYTES);
        peers.enter(rank, () -> abort.view().putInt(0, 1));
    }

    @Override
    public Streams.Launch allReduce(CudaTensor out, CudaTensor in, float scale) {
        return launch(isTwoShot(out, in, scale) ? "two_shot" : "one_shot", out, in, scale, in.vectors());
    }

    @Override
    public Optional<Streams.Launch> allReduceAddNorm(CudaTensor part, NormCall norm) {
        long most = MOST_NORMED_BYTES.getOrDefault(size, 0L);
        if (part.tracks() > 1 || part.cols() % CudaTensor.VECTOR != 0 || most == 0) {
            return Optional.empty();
        }
        // For every size, so that no later step waits for the compiler.
        Kernel kernel = modules.get("all_reduce_add_norm_rows", normSource(size, norm.defines()));
        if (part.trackBytes() > most) {
            return Optional.empty();
        }
        long[] read = buffers.of(part);
        long[] met = flags();
        int blocks = Math.max(BLOCKS, Math.min(part.rows(), MOST_BLOCKS));
        return Optional.of((stream, overlapped) -> kernel.launch(
                stream,
                Kernel.Grid.of(blocks, 1, NormCall.THREADS),
                peers(read, new long[0], met),
                rank,
                part.rows(),
                norm.argument()));
    }

    private boolean isTwoShot(CudaTensor out, CudaTensor in, float scale) {
        return !modules.isRehearsal() // a rehearsal has nothing to measure; both kernels are compiled together
                && threshold.isReached(
                        in.trackBytes(),
                        capacity(in),
                        (kernel, bytes) -> launch(kernel, out, in, scale, (int) (bytes / CudaTensor.VECTOR_BYTES)));
    }

    private Streams.Launch launch(String name, CudaTensor out, CudaTensor in, float scale, int vectors) {
        boolean staged = in.tracks() > 1;
        long[] read = staged ? buffers.staged(capacity(in)) : buffers.of(in);
        long[] shares = name.equals("two_shot") ? buffers.shares(capacity(in)) : new long[0];
        long[] met = flags();
        long stagedStride = staged ? buffers.stagedBytes() / CudaTensor.VECTOR_BYTES : 0;
        Kernel kernel = kernel(name, in.isFp32());
        return (stream, overlapped) -> kernel.launch(
                stream,
                overlapped ? BESIDE : WHOLE,
                peers(read, shares, met)
                        .pointer(out.address())
                        .pointer(in.address())
                        .longs(out.strideVectors())
                        .longs(in.strideVectors())
                        .integer(in.tracks())
                        .integer(vectors)
                        .integer(rank)
                        .number(scale)
                        .integer(staged ? 1 : 0)
                        .integer(overlapped ? 1 : 0)
                        .longs(stagedStride));
    }

    private static long capacity(CudaTensor in) {
        return in.trackStride() * in.elementBytes();
    }

    private Kernel kernel(String name, boolean fp32) {
        return modules.get(name, source(size, fp32));
    }

    /** {@code fp32}: whether the tensors are fp32. */
    public static KernelSource source(int ranks, boolean fp32) {
        return new KernelSource("all_reduce.cu", defines(ranks, fp32));
    }

    public static KernelSource normSource(int ranks, Map<String, Integer> norm) {
        Map<String, Integer> all = new HashMap<>(defines(ranks, false));
        all.putAll(norm);
        return new KernelSource("all_reduce_norm.cu", all);
    }

    private static Map<String, Integer> defines(int ranks, boolean fp32) {
        return Map.of("RANKS", ranks, "BLOCKS", BLOCKS, "MOST_BLOCKS", MOST_BLOCKS, "FP32", fp32 ? 1 : 0);
    }

    private long[] flags() {
        if (allFlags == null) {
            allFlags = buffers.exchange("flags", flags.address());
        }
        return allFlags;
    }

    private Struct peers(long[] in, long[] shares, long[] met) {
        return new Struct()
                .pointers(in, MAX_RANKS)
                .pointers(shares, MAX_RANKS)
                .pointers(met, MAX_RANKS)
                .pointer(epochs.address())
                .pointer(abort.deviceAddress())
                .pointer(clock.address());
    }

    @Override
    public Tensor gatherRows(CudaTensor whole, CudaTensor part, Stream stream) {
        long[] widths = buffers.widths(part);
        Struct gather = peers(buffers.of(part), new long[0], flags()).pointer(whole.address());
        for (int r = 0; r < MAX_RANKS; r++) {
            gather.integer(r < widths.length ? (int) widths[r] : 0);
        }
        RowShare share = RowShare.of(part.rows(), rank, size);
        gather.integer(share.from()).integer(share.count()).integer(rank);
        kernel("gather_rows_of_rank", false).launch(stream, WHOLE, gather);
        return whole;
    }

    /**
     * The size in bytes from which the two-shot all-reduce is faster. It depends on GPUs, links and ranks, so all ranks measure it together,
     * in captured graphs, on the buffers of the first all-reduce that is large enough. The figures of rank 0 decide, so that all ranks
     * choose the same kernel.
     */
    public static final class TwoShotThreshold {
        private static final long SMALLEST = 96 << 10;
        private static final long LARGEST = 16 << 20;
        private static final int ALL_REDUCES = 10;
        private static final int REPLAYS = 6;

        private final Streams streams;
        private final PeerBuffers buffers;
        private long candidate = SMALLEST;
        private boolean found;

        TwoShotThreshold(Streams streams, PeerBuffers buffers) {
            this.streams = streams;
            this.buffers = buffers;
        }

        /** An all-reduce of the first {@code bytes} bytes of the current buffers by the kernel {@code kernel}. */
        @FunctionalInterface
        interface Candidates {
            Streams.Launch by(String kernel, long bytes);
        }

        /**
         * @param bytes size of the all-reduce
         * @param capacity largest size that can be measured in the buffers
         */
        boolean isReached(long bytes, long capacity, Candidates candidates) {
            while (!found && bytes >= SMALLEST && candidate <= Math.min(capacity, LARGEST)) {
                found = twoShotWins(candidates);
                candidate = found ? candidate : candidate * 3 / 2;
            }
            return found && bytes >= candidate;
        }

        private boolean twoShotWins(Candidates candidates) {
            Streams.Launch oneShot = candidates.by("one_shot", candidate);
            Streams.Launch twoShot = candidates.by("two_shot", candidate);
            streams.drain();
            boolean wins = seconds(twoShot) < seconds(oneShot);
            return buffers.exchange("two shots are faster", wins ? 1 : 0)[0] == 1;
        }

        private double seconds(Streams.Launch allReduce) {
            try (CudaGraphRecorder recorder = new CudaGraphRecorder(streams)) {
                CapturedGraph graph = recorder.record(() -> {
                    for (int i = 0; i < ALL_REDUCES; i++) {
                        allReduce.on(streams.main(), false);
                    }
                });
                return GpuTimer.leastSeconds(streams.main(), REPLAYS, graph::replay);
            }
        }
    }
}
