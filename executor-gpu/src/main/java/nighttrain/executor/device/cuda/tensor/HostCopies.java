package nighttrain.executor.device.cuda.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.io.checkpoint.Bfloat16;

/** Copies floats from the host to a GPU (as bf16 or fp32) and back, and waits for each copy. Not for use within a step. */
public final class HostCopies {
    private HostCopies() {}

    public static void write(DevicePointer to, float[] values) {
        JCudaDriver.cuMemcpyHtoD(to, Pointer.to(values), (long) values.length * Float.BYTES);
        DeviceMemory.awaitWrites();
    }

    /** Copies all bytes of a direct buffer to the GPU. */
    public static void write(CUdeviceptr to, ByteBuffer bytes) {
        JCudaDriver.cuMemcpyHtoD(to, Pointer.to(bytes), bytes.capacity());
        DeviceMemory.awaitWrites();
    }

    public static void writeRounded(DevicePointer to, float[] values) {
        JCudaDriver.cuMemcpyHtoD(to, Pointer.to(rounded(values)), (long) values.length * CudaTensor.BF16);
        DeviceMemory.awaitWrites();
    }

    /** {@code values}: the rows of all tracks, one track after the other. */
    public static void write(CudaTensor to, float[] values) {
        int slab = to.rows() * to.cols();
        for (int track = 0; track < to.tracks(); track++) {
            float[] part = Arrays.copyOfRange(values, track * slab, (track + 1) * slab);
            Pointer from = to.elementBytes() == CudaTensor.FP32 ? Pointer.to(part) : Pointer.to(rounded(part));
            JCudaDriver.cuMemcpyHtoD(to.start(track), from, to.trackBytes());
        }
        DeviceMemory.awaitWrites();
    }

    /** The rows of all tracks, one track after the other. */
    public static float[] read(CudaTensor from) {
        int slab = from.rows() * from.cols();
        float[] values = new float[from.tracks() * slab];
        ByteBuffer bytes = ByteBuffer.allocateDirect(Math.max(1, Math.toIntExact(from.trackBytes())))
                .order(ByteOrder.nativeOrder());
        for (int track = 0; track < from.tracks(); track++) {
            JCudaDriver.cuMemcpyDtoH(Pointer.to(bytes), from.start(track), from.trackBytes());
            for (int i = 0; i < slab; i++) {
                values[track * slab + i] = from.elementBytes() == CudaTensor.FP32
                        ? bytes.getFloat(i * Float.BYTES)
                        : Bfloat16.toFloat(bytes.getShort(i * Short.BYTES));
            }
        }
        return values;
    }

    private static short[] rounded(float[] values) {
        short[] shorts = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            shorts[i] = Bfloat16.of(values[i]);
        }
        return shorts;
    }
}
