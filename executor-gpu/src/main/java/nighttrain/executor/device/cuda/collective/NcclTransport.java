package nighttrain.executor.device.cuda.collective;

import com.sun.jna.Pointer;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.Stream;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * NCCL, for GPUs that cannot read each other's memory. It sums in bf16 and in an order of its own: all ranks get the same bits, but
 * not those of {@link PeerTransport}.
 */
public final class NcclTransport implements Transport {
    private final int rank;
    private final NcclGroup group;
    private final TrackSum tracks;
    private final SumClock clock;
    private final PeerBuffers buffers;
    private final NcclRows rows;

    NcclTransport(int rank, PeerGroup peers, TrackSum tracks, DeviceMemory memory, SumClock clock) {
        this.rank = rank;
        this.group = peers.nccl().orElseThrow();
        this.tracks = tracks;
        this.clock = clock;
        this.buffers = new PeerBuffers(rank, peers, memory);
        this.rows = new NcclRows(rank, group, memory);
    }

    @Override
    public Streams.Launch sum(CudaTensor out, CudaTensor in, float scale) {
        return (stream, overlapped) -> clock.count(stream, () -> {
            boolean prepared = in.tracks() > 1 || scale != 1f;
            if (prepared) {
                tracks.launch(stream, out, in, scale, 1);
            }
            allReduce(prepared ? out : in, out, stream);
            for (int t = 1; t < out.tracks(); t++) {
                JCudaDriver.cuMemcpyDtoDAsync(out.start(t), out.start(0), out.trackBytes(), stream);
            }
        });
    }

    private void allReduce(CudaTensor from, CudaTensor to, Stream stream) {
        group.call(
                rank,
                "ncclAllReduce",
                nccl -> nccl.library()
                        .ncclAllReduce(
                                new Pointer(from.address()),
                                new Pointer(to.address()),
                                (long) to.rows() * to.cols(),
                                Nccl.BF16,
                                Nccl.SUM,
                                nccl.communicator(),
                                stream.handle()));
    }

    @Override
    public Tensor gatherRows(CudaTensor whole, CudaTensor part, Stream stream) {
        long[] widths = buffers.widths(part);
        rows.reserve(whole, part, widths.length);
        clock.count(stream, () -> rows.gather(whole, part, widths, stream));
        return whole;
    }
}
