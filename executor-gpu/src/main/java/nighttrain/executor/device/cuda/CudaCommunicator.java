package nighttrain.executor.device.cuda;

import java.util.HashMap;
import java.util.Map;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Pending;
import nighttrain.executor.device.RowShare;
import nighttrain.executor.device.Tensor;

/**
 * Sums over ranks by kernels that read peers' memory: one-shot where latency counts, two-shot where bandwidth does. The host
 * never waits: ranks meet by flags in device memory.
 */
final class CudaCommunicator implements Communicator {
    static final int BLOCKS = 64;
    static final int MAX_RANKS = 8;
    private static final int THREADS = 512;
    private static final int VECTOR = 8;

    /** Bytes from which on two-shot is the faster on NVLink: GPU-NODE.md's crossing lies between 0.5 and 2 MiB. */
    private static final int TWO_SHOT_BYTES = 768 << 10;

    private final int rank;
    private final PeerGroup peers;
    private final KernelModules modules;
    private final Streams streams;
    private final DeviceMemory memory;
    private final boolean skipSums;
    private final Map<Integer, long[]> addresses = new HashMap<>();
    private final Map<Integer, CudaTensor> sums = new HashMap<>();
    private final long[] arrived;
    private final DevicePointer epochs;
    private final DevicePointer nanos;
    private final DeviceMemory.Pinned hostNanos;
    private final DeviceMemory.Pinned abort;
    private long[] reduced = new long[0];
    private long[] staged = new long[0];
    private long reducedBytes;
    private long stagedBytes;
    private int nextTopic;
    private boolean met;

    CudaCommunicator(
            int rank, PeerGroup peers, KernelModules modules, Streams streams, DeviceMemory memory, boolean skipSums) {
        this.skipSums = skipSums;
        this.rank = rank;
        this.peers = peers;
        this.modules = modules;
        this.streams = streams;
        this.memory = memory;
        this.arrived = new long[peers.ranks()];
        arrived[rank] = memory.allocate("flags of ranks", (long) BLOCKS * MAX_RANKS * Integer.BYTES)
                .address();
        this.epochs = memory.allocate("epochs of ranks", (long) BLOCKS * Integer.BYTES);
        this.nanos = memory.allocate("time in sums", Long.BYTES);
        this.hostNanos = memory.pinned(Long.BYTES);
        this.abort = memory.pinned(Integer.BYTES);
        peers.enter(rank, () -> abort.view().putInt(0, 1));
    }

    private long[] exchange(String what, long mine) {
        return peers.exchange(what + " " + nextTopic++, rank, mine);
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return peers.ranks();
    }

    @Override
    public Pending allReduce(Tensor out, Tensor in, float scale) {
        CudaTensor to = (CudaTensor) out;
        CudaTensor from = (CudaTensor) in;
        if (to.address() == from.address()) {
            throw new IllegalArgumentException("a sum over its own input (peers may still read it)");
        }
        return skipSums ? () -> in : start(to, from, scale);
    }

    @Override
    public Pending allReduce(Tensor part) {
        CudaTensor from = (CudaTensor) part;
        if (skipSums || size() == 1 && from.tracks() == 1) {
            return () -> part;
        }
        return start(sumOf(from), from, 1f);
    }

    /** The buffer that a part's sums go to. */
    private CudaTensor sumOf(CudaTensor part) {
        CudaTensor known = sums.get(part.allocation());
        if (known == null) {
            DevicePointer base =
                    memory.allocate("sum over ranks", part.tracks() * part.trackStride() * part.elementBytes());
            known = new CudaTensor(
                    base,
                    -1,
                    0,
                    part.tracks(),
                    part.capacityRows(),
                    part.cols(),
                    part.capacityRows(),
                    part.trackStride(),
                    part.elementBytes());
            sums.put(part.allocation(), known);
        }
        return known.firstRows(part.rows());
    }

    private Pending start(CudaTensor out, CudaTensor in, float scale) {
        int vectors = (Math.multiplyExact(in.rows(), in.cols()) + VECTOR - 1) / VECTOR;
        Streams.Travelling sum;
        if (size() == 1) {
            Kernel kernel = kernel("local_sum");
            Kernel.Grid grid = Kernel.Grid.of((vectors + THREADS - 1) / THREADS, 1, THREADS);
            sum = streams.start((stream, overlapped) ->
                    kernel.launch(stream, grid, sum(out, in, scale, vectors, overlapped, new long[1], 0)));
        } else {
            long[] read = in.tracks() > 1 ? stagedBuffers(in) : addressesOf(in);
            long stagedStride = in.tracks() > 1 ? stagedBytes / (VECTOR * CudaTensor.BF16) : 0;
            boolean twoShot = (long) vectors * VECTOR * CudaTensor.BF16 >= TWO_SHOT_BYTES;
            reserveReduced(in);
            Kernel kernel = kernel(twoShot ? "two_shot" : "one_shot");
            sum = streams.start((stream, overlapped) -> kernel.launch(
                    stream,
                    Kernel.Grid.of(BLOCKS, 1, THREADS),
                    sum(out, in, scale, vectors, overlapped, read, stagedStride)));
        }
        return () -> {
            sum.land();
            return out;
        };
    }

    private Kernel kernel(String name) {
        return modules.get(name, new KernelSource("all_reduce.cu", Map.of("RANKS", size(), "BLOCKS", BLOCKS)));
    }

    private Struct sum(
            CudaTensor out,
            CudaTensor in,
            float scale,
            int vectors,
            boolean overlapped,
            long[] read,
            long stagedStride) {
        return peers(read)
                .pointer(out.address())
                .pointer(in.address())
                .longs(out.trackStride() / VECTOR)
                .longs(in.trackStride() / VECTOR)
                .integer(in.tracks())
                .integer(vectors)
                .integer(rank)
                .number(scale)
                .integer(stagedStride > 0 ? 1 : 0)
                .integer(overlapped ? 1 : 0)
                .longs(stagedStride);
    }

    private Struct peers(long[] in) {
        if (!met) {
            System.arraycopy(exchange("flags", arrived[rank]), 0, arrived, 0, arrived.length);
            met = true;
        }
        return new Struct()
                .pointers(in, MAX_RANKS)
                .pointers(reduced, MAX_RANKS)
                .pointers(arrived, MAX_RANKS)
                .pointer(epochs.address())
                .pointer(abort.deviceAddress())
                .pointer(nanos.address());
    }

    /** Where every rank has what {@code mine} is here. */
    private long[] addressesOf(CudaTensor mine) {
        long[] bases = addresses.computeIfAbsent(
                mine.allocation(), allocation -> exchange("buffer", mine.base().address()));
        long[] all = new long[bases.length];
        for (int r = 0; r < all.length; r++) {
            all[r] = bases[r] + mine.offset() * mine.elementBytes();
        }
        return all;
    }

    /** Two buffers for the sum of a rank's own tracks, used in turn. */
    private long[] stagedBuffers(CudaTensor in) {
        long bytes = in.trackStride() * CudaTensor.BF16;
        if (bytes > stagedBytes) {
            stagedBytes = bytes;
            staged = exchange(
                    "staged tracks", memory.allocate("staged tracks", 2 * bytes).address());
        }
        return staged;
    }

    /** The shares of two-shot sums. */
    private void reserveReduced(CudaTensor in) {
        long bytes = in.trackStride() * CudaTensor.BF16;
        if (bytes > reducedBytes) {
            reducedBytes = bytes;
            reduced = exchange(
                    "shares of sums", memory.allocate("shares of sums", bytes).address());
        }
    }

    @Override
    public Tensor gatherRows(Tensor whole, Tensor part) {
        if (size() == 1) {
            return part;
        }
        CudaTensor from = (CudaTensor) part;
        long[] in = addressesOf(from);
        long[] widths = addresses.computeIfAbsent(-1 - from.allocation(), key -> exchange("columns", from.cols()));
        Struct gather = peers(in).pointer(((CudaTensor) whole).address());
        for (int r = 0; r < MAX_RANKS; r++) {
            gather.integer(r < widths.length ? (int) widths[r] : 0);
        }
        RowShare share = RowShare.of(from.rows(), rank, size());
        gather.integer(share.from()).integer(share.count()).integer(rank);
        kernel("gather_rows_of_rank").launch(streams.main(), Kernel.Grid.of(BLOCKS, 1, THREADS), gather);
        return whole;
    }

    /** Time in sums since the start, the wait for peers included, by the GPU's clock. */
    @Override
    public long waitedNanos() {
        return hostNanos.view().getLong(0);
    }

    /** Enqueues the copy that {@link #waitedNanos} reads. */
    void readClock() {
        hostNanos.copyFrom(nanos, Long.BYTES, streams.main());
    }

    boolean hasFailedPeer() {
        return peers.hasFailed();
    }

    /** Ends every rank's waiting; the first to close a rank ends the replica. */
    void abort() {
        peers.fail();
    }

    void leave() {
        peers.leave(rank);
    }
}
