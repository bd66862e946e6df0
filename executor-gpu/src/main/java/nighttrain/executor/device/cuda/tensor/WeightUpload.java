package nighttrain.executor.device.cuda.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.stream.IntStream;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;

/**
 * Uploads weights from the mapped file through pinned buffers. While one buffer is copied to the GPU, all cores fill the next.
 */
public final class WeightUpload {
    private static final int BUFFERS = 3;
    private static final int BUFFER_BYTES = 32 << 20;

    private final Streams streams;
    private final DeviceMemory.Pinned[] buffers = new DeviceMemory.Pinned[BUFFERS];
    private final CUevent[] travelled = new CUevent[BUFFERS];
    private int next;

    public WeightUpload(Streams streams, DeviceMemory memory) {
        this.streams = streams;
        for (int i = 0; i < BUFFERS; i++) {
            buffers[i] = memory.pinned(BUFFER_BYTES);
            travelled[i] = new CUevent();
            JCudaDriver.cuEventCreate(travelled[i], CUevent_flags.CU_EVENT_DISABLE_TIMING);
        }
    }

    /** Fills {@code target} with {@code [tracks, outputs, inputs]} values as bf16. */
    public void run(DevicePointer target, int tracks, int outputs, int inputs, Matrix.Rows rows) {
        run(
                target,
                tracks * outputs,
                inputs * CudaTensor.BF16,
                (row, to) -> rows.readBfloat16(row / outputs, row % outputs, inputs, to.asShortBuffer()));
    }

    /** Fills {@code target} with the values as e4m3, and returns their scales, {@code [tracks, outputs]}. */
    public float[] runE4m3(DevicePointer target, int tracks, int outputs, int inputs, Matrix.Rows rows) {
        float[] scales = new float[Math.multiplyExact(tracks, outputs)];
        run(
                target,
                scales.length,
                inputs,
                (row, to) -> scales[row] = rows.readE4m3(row / outputs, row % outputs, inputs, to));
        return scales;
    }

    /** Writes a row's bytes. */
    @FunctionalInterface
    private interface RowBytes {
        void write(int row, ByteBuffer to);
    }

    private void run(DevicePointer target, int all, int rowBytes, RowBytes rows) {
        int rowsPerBuffer = BUFFER_BYTES / rowBytes;
        if (rowsPerBuffer == 0) {
            throw new IllegalArgumentException(
                    "row of a matrix: " + rowBytes + " bytes (at most " + BUFFER_BYTES + ")");
        }
        for (int from = 0; from < all; from += rowsPerBuffer) {
            int count = Math.min(rowsPerBuffer, all - from);
            JCudaDriver.cuEventSynchronize(travelled[next]);
            fill(buffers[next].view(), from, count, rowBytes, rows);
            JCudaDriver.cuMemcpyHtoDAsync(
                    target.withByteOffset((long) from * rowBytes),
                    buffers[next].pointer(),
                    (long) count * rowBytes,
                    streams.main());
            JCudaDriver.cuEventRecord(travelled[next], streams.main());
            next = (next + 1) % BUFFERS;
        }
    }

    private static void fill(ByteBuffer buffer, int from, int count, int rowBytes, RowBytes rows) {
        IntStream.range(0, count)
                .parallel()
                .forEach(i -> rows.write(
                        from + i, buffer.slice(i * rowBytes, rowBytes).order(ByteOrder.nativeOrder())));
    }
}
