package nighttrain.executor.device.cuda.collective;

import com.sun.jna.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmemorytype;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.RowShare;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DevicePointer;
import nighttrain.executor.device.cuda.driver.Stream;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Columns to rows by NCCL: every rank sends every other its rows of what it has, and lays what it receives side by side. */
public final class NcclRows {
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

    /** Grows the buffer between the two halves; recordings keep the one of their time. */
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

    private static void place(CudaTensor whole, long column, CUdeviceptr from, long width, int rows, Stream stream) {
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
