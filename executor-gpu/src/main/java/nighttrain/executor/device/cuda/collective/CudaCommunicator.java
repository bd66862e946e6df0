package nighttrain.executor.device.cuda.collective;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.collective.Transport.OneRank;
import nighttrain.executor.device.cuda.collective.Transport.TrackSum;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Chooses the stream and the output buffer of each all-reduce. A {@link Transport} moves the data between ranks. */
public final class CudaCommunicator implements Communicator {
    private final int rank;
    private final PeerGroup peers;
    private final Transport transport;
    private final CommTimer clock;
    private final Streams streams;
    private final DeviceMemory memory;
    private final NormCall.OfAddition norms;
    private final boolean skipAllReduce;
    private final Map<Integer, CudaTensor> outputs = new HashMap<>();

    public CudaCommunicator(
            int rank,
            PeerGroup peers,
            KernelModules modules,
            Streams streams,
            DeviceMemory memory,
            NormCall.OfAddition norms,
            boolean skipAllReduce) {
        this.rank = rank;
        this.peers = peers;
        this.streams = streams;
        this.memory = memory;
        this.norms = norms;
        this.skipAllReduce = skipAllReduce;
        this.clock = new CommTimer(modules, memory);
        TrackSum tracks = new TrackSum(modules);
        if (peers.ranks() == 1) {
            this.transport = new OneRank(tracks);
        } else if (peers.nccl().isPresent()) {
            this.transport = new NcclTransport(rank, peers, tracks, memory, clock);
        } else {
            this.transport = new PeerTransport(rank, peers, modules, streams, memory, clock);
        }
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
        checkApart((CudaTensor) out, (CudaTensor) in);
        return skipAllReduce ? () -> in : start((CudaTensor) out, (CudaTensor) in, scale);
    }

    @Override
    public Tensor allReduceNow(Tensor out, Tensor in, float scale) {
        checkApart((CudaTensor) out, (CudaTensor) in);
        return skipAllReduce ? in : reduceNow((CudaTensor) out, (CudaTensor) in, scale);
    }

    private static void checkApart(CudaTensor out, CudaTensor in) {
        if (out.address() == in.address()) {
            throw new IllegalArgumentException("a sum over its own input (peers may still read it)");
        }
    }

    @Override
    public Pending allReduce(Tensor part) {
        CudaTensor from = (CudaTensor) part;
        return isComplete(from) ? () -> part : start(outputOf(from), from, 1f);
    }

    @Override
    public Tensor allReduceNow(Tensor part) {
        CudaTensor from = (CudaTensor) part;
        return isComplete(from) ? part : reduceNow(outputOf(from), from, 1f);
    }

    @Override
    public void allReduceAddNorm(Tensor out, Tensor xInOut, Tensor part, Norm norm, Ops ops) {
        CudaTensor from = (CudaTensor) part;
        Optional<Streams.Launch> fused = isComplete(from)
                ? Optional.empty()
                : transport.allReduceAddNorm(from, norms.addition((CudaTensor) out, (CudaTensor) xInOut, norm));
        fused.ifPresentOrElse(
                streams::enqueue, () -> Communicator.super.allReduceAddNorm(out, xInOut, part, norm, ops));
    }

    private boolean isComplete(CudaTensor part) {
        return skipAllReduce || (size() == 1 && part.tracks() == 1);
    }

    private Tensor reduceNow(CudaTensor out, CudaTensor in, float scale) {
        streams.enqueue(transport.allReduce(out, in, scale));
        return out;
    }

    private Pending start(CudaTensor out, CudaTensor in, float scale) {
        Streams.SideWork work = streams.enqueueBeside(transport.allReduce(out, in, scale));
        return () -> {
            work.await();
            return out;
        };
    }

    /** The output buffer of an all-reduce of {@code part}. */
    private CudaTensor outputOf(CudaTensor part) {
        return outputs.computeIfAbsent(
                        part.allocation(),
                        allocation -> part.anotherAt(memory.allocate(
                                "sum over ranks", part.tracks() * part.trackStride() * part.elementBytes())))
                .firstRows(part.rows());
    }

    @Override
    public Tensor gatherRows(Tensor whole, Tensor part) {
        return transport.gatherRows((CudaTensor) whole, (CudaTensor) part, streams.main());
    }

    /** Time in communication since the start, waits for peers included, by the GPU's clock. */
    @Override
    public long waitedNanos() {
        return clock.nanos();
    }

    /** Enqueues the copy that {@link #waitedNanos} reads. */
    public void readClock() {
        clock.read(streams.main());
    }

    public boolean hasFailedPeer() {
        return peers.hasFailed();
    }

    /** Releases every rank that waits for another. The first rank that closes ends the replica. */
    public void abort() {
        peers.fail();
    }

    public void leave() {
        peers.leave(rank);
    }
}
