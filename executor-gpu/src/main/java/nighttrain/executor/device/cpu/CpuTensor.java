package nighttrain.executor.device.cpu;

import nighttrain.executor.device.Tensor;

/**
 * fp32 values on the heap. Track t's row r starts at {@code offset + t * trackStride + r * cols}.
 *
 * @param trackStride distance between tracks, in elements; more than {@code rows * cols} in a view of fewer rows
 */
record CpuTensor(float[] data, int offset, int tracks, int rows, int cols, int trackStride) implements Tensor {
    static CpuTensor of(float[] data, int tracks, int rows, int cols) {
        return new CpuTensor(data, 0, tracks, rows, cols, Math.multiplyExact(rows, cols));
    }

    static CpuTensor zeros(int tracks, int rows, int cols) {
        return of(new float[Math.multiplyExact(tracks, Math.multiplyExact(rows, cols))], tracks, rows, cols);
    }

    @Override
    public CpuTensor firstRows(int count) {
        if (count > rows) {
            throw new IllegalArgumentException("rows of a view: " + count + " (at most the tensor's " + rows + ")");
        }
        return new CpuTensor(data, offset, tracks, count, cols, trackStride);
    }

    @Override
    public CpuTensor track(int track) {
        return new CpuTensor(data, row(track, 0), 1, rows, cols, trackStride);
    }

    /** Index of a row's first element. */
    int row(int track, int row) {
        return offset + track * trackStride + row * cols;
    }
}
