package nighttrain.executor.device.cuda.collective;

import com.sun.jna.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmemorytype;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.Communicator.RowShare;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.collective.NcclGroup.Nccl;
import nighttrain.executor.device.cuda.collective.Transport.TrackSum;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * Communicates by NCCL, for GPUs that cannot read each other's memory. NCCL adds bf16 in bf16 and in its own order: all ranks get the same
 * bits, but not the bits of {@link PeerTransport}.
 */
public final class NcclTransport implements Transport {
    private final int rank;
    private final NcclGroup group;
    private final TrackSum tracks;
    private final CommTimer clock;
    private final PeerBuffers buffers;
    private final NcclRows rows;

    NcclTransport(int rank, PeerGroup peers, TrackSum tracks, DeviceMemory memory, CommTimer clock) {
        this.rank = rank;
        this.group = peers.nccl().orElseThrow();
        this.tracks = tracks;
        this.clock = clock;
        this.buffers = new PeerBuffers(rank, peers, memory);
        this.rows = new NcclRows(rank, group, memory);
    }

    @Override
    public Streams.Launch allReduce(CudaTensor out, CudaTensor in, float scale) {
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
                                from.isFp32() ? Nccl.FP32 : Nccl.BF16,
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

    /** Gathers rows by NCCL: every rank sends each peer the rows of that peer, and puts the parts that it receives side by side. */
    public static final class NcclRows {
        private final int rank;
        private final NcclGroup group;
        private final DeviceMemory memory;
        private DevicePointer received;
        private long receivedBytes;

        NcclRows(int rank, NcclGroup group, DeviceMemory memory) {
            this.rank = rank;
            this.group = group;
            this.memory = memory;
        }

        /** Enlarges the receive buffer. Captured graphs keep the buffer that they were captured with. */
        void reserve(CudaTensor whole, CudaTensor part, int ranks) {
            long bytes = (long) RowShare.largest(part.capacityRows(), ranks) * whole.cols() * CudaTensor.FP32;
            if (bytes > receivedBytes) {
                receivedBytes = bytes;
                received = memory.allocate("logits of other ranks", bytes);
            }
        }

        void gather(CudaTensor whole, CudaTensor part, long[] widths, Stream stream) {
            int rows = RowShare.of(part.rows(), rank, widths.length).count();
            group.call(rank, "exchange of rows", nccl -> exchange(nccl, part, rows, widths, stream));
            long column = 0;
            for (long width : widths) {
                place(whole, column, received.withByteOffset(column * rows * CudaTensor.FP32), width, rows, stream);
                column += width;
            }
        }

        private int exchange(NcclGroup.Rank nccl, CudaTensor part, int rows, long[] widths, Stream stream) {
            nccl.library().ncclGroupStart();
            int status = 0;
            long column = 0;
            for (int peer = 0; peer < widths.length && status == 0; peer++) {
                RowShare theirs = RowShare.of(part.rows(), peer, widths.length);
                long from = part.address() + (long) theirs.from() * part.cols() * CudaTensor.FP32;
                long to = received.address() + column * rows * CudaTensor.FP32;
                status = send(nccl, from, (long) theirs.count() * part.cols(), peer, stream);
                status = status != 0 ? status : receive(nccl, to, widths[peer] * rows, peer, stream);
                column += widths[peer];
            }
            int ended = nccl.library().ncclGroupEnd();
            return status != 0 ? status : ended;
        }

        private static int send(NcclGroup.Rank nccl, long from, long count, int peer, Stream stream) {
            return count == 0
                    ? 0
                    : nccl.library()
                            .ncclSend(new Pointer(from), count, Nccl.FP32, peer, nccl.communicator(), stream.handle());
        }

        private static int receive(NcclGroup.Rank nccl, long to, long count, int peer, Stream stream) {
            return count == 0
                    ? 0
                    : nccl.library()
                            .ncclRecv(new Pointer(to), count, Nccl.FP32, peer, nccl.communicator(), stream.handle());
        }

        private static void place(
                CudaTensor whole, long column, CUdeviceptr from, long width, int rows, Stream stream) {
            if (rows == 0) {
                return;
            }
            CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
            copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
            copy.srcDevice = from;
            copy.srcPitch = width * CudaTensor.FP32;
            copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
            copy.dstDevice = whole.start(0);
            copy.dstXInBytes = column * CudaTensor.FP32;
            copy.dstPitch = (long) whole.cols() * CudaTensor.FP32;
            copy.WidthInBytes = width * CudaTensor.FP32;
            copy.Height = rows;
            JCudaDriver.cuMemcpy2DAsync(copy, stream);
        }
    }
}
