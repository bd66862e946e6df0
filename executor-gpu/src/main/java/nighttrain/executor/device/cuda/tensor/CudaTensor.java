package nighttrain.executor.device.cuda.tensor;

import jcuda.driver.CUdeviceptr;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;

/**
 * bf16, or fp32 for logits and constants, on one GPU. Track t's row r begins {@code offset + t * trackStride + r * cols}
 * elements from the base.
 *
 * @param allocation number of the allocation on its rank; equal on all ranks for the same role
 * @param capacityRows rows that each track has room for; a view may have fewer
 * @param trackStride distance between tracks, in elements, a multiple of 8
 */
public record CudaTensor(
        DevicePointer base,
        int allocation,
        long offset,
        int tracks,
        int rows,
        int cols,
        int capacityRows,
        long trackStride,
        int elementBytes)
        implements Tensor {
    public static final int BF16 = 2;
    public static final int FP32 = 4;

    /** Elements of bf16 that kernels move at a time. */
    public static final int VECTOR = 8;

    /** Bytes that kernels move at a time if rows need not be distinguished; tracks have room for whole vectors. */
    public static final int VECTOR_BYTES = VECTOR * BF16;

    /** Returns the elements that a thread moves at a time in rows that are cut at these columns. */
    public static int vector(int... cols) {
        for (int count : cols) { // a loop, since every launch calls this
            if (count % VECTOR != 0) {
                return 1;
            }
        }
        return VECTOR;
    }

    /** Address of the first element. */
    public long address() {
        return base.address() + offset * elementBytes;
    }

    /** Address of a row of the first track. */
    public long addressOfRow(int row) {
        return address() + (long) row * cols * elementBytes;
    }

    /** Returns the pointer to a track. */
    public CUdeviceptr start(int track) {
        return base.withByteOffset((offset + track * trackStride) * elementBytes);
    }

    /** Returns a tensor of the same shape in other memory, which is unknown to other ranks. */
    public CudaTensor anotherAt(DevicePointer elsewhere) {
        return new CudaTensor(elsewhere, -1, 0, tracks, capacityRows, cols, capacityRows, trackStride, elementBytes);
    }

    /** Vectors in a track's rows. */
    public int vectors() {
        return Math.toIntExact((trackBytes() + VECTOR_BYTES - 1) / VECTOR_BYTES);
    }

    /** Vectors from a track to the next. */
    public long strideVectors() {
        return trackStride * elementBytes / VECTOR_BYTES;
    }

    /** Whether its elements are fp32. */
    public boolean isFp32() {
        return elementBytes == FP32;
    }

    /** Bytes of a track's rows. */
    public long trackBytes() {
        return (long) rows * cols * elementBytes;
    }

    @Override
    public CudaTensor firstRows(int count) {
        if (count > capacityRows) {
            throw new IllegalArgumentException("rows of a view: " + count + " (at most " + capacityRows + ")");
        }
        return new CudaTensor(base, allocation, offset, tracks, count, cols, capacityRows, trackStride, elementBytes);
    }

    @Override
    public CudaTensor track(int track) {
        return new CudaTensor(
                base, allocation, offset + track * trackStride, 1, rows, cols, capacityRows, trackStride, elementBytes);
    }
}
