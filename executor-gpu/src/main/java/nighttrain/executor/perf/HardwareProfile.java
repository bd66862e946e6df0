package nighttrain.executor.perf;

import java.io.Serializable;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Bfloat16;

/**
 * Measured rates of one kind of device: all that a forecast needs to know of hardware that this machine need not have.
 *
 * @param name a name for people: {@code NVIDIA H200}
 * @param memoryBytes memory of one device
 * @param bytesPerSecond rate of a large copy, bytes read plus bytes written
 * @param flopsPerSecond rate of a large matmul
 * @param copyShare share of the copy rate that memory-bound operations reach, 0 to 1
 * @param matrixShare share of the matrix rate that compute-bound operations reach, 0 to 1
 * @param layerOverheadS seconds per layer that kernels take to start and end, whatever they compute
 * @param allReduce times of all-reduces between such devices
 * @param elementBytes bytes of a number that the engine computes with on the device
 */
public record HardwareProfile(
        String name,
        long memoryBytes,
        double bytesPerSecond,
        double flopsPerSecond,
        double copyShare,
        double matrixShare,
        double layerOverheadS,
        AllReduceLatency allReduce,
        int elementBytes)
        implements Serializable {
    /** Measured on H100 and H200. */
    private static final double GPU_MATRIX_SHARE = 0.85;

    private static final double GPU_LAYER_OVERHEAD_S = 40e-6;

    public HardwareProfile {
        positive(memoryBytes, "memory");
        positive(bytesPerSecond, "copy rate");
        positive(flopsPerSecond, "matrix rate");
        share(copyShare, "copy share");
        share(matrixShare, "matrix share");
        if (!(layerOverheadS >= 0)) {
            throw UserError.of("bad layer overhead of " + name, layerOverheadS, "0 or more seconds; mend the profile");
        }
    }

    /** Returns the profile of this machine's processors. Calibration finds how much of their rates a model reaches. */
    public static HardwareProfile ofCpu(PeakRates peak) {
        return new HardwareProfile(
                "CPU",
                Runtime.getRuntime().maxMemory(),
                peak.bytesPerSecond(),
                peak.flopsPerSecond(),
                1,
                1,
                0,
                AllReduceLatency.unknown(),
                Float.BYTES);
    }

    /** Returns a profile of a GPU without a written one, with the shares that other GPUs reach. */
    public static HardwareProfile ofGpu(String name, long memoryBytes, PeakRates peak) {
        return new HardwareProfile(
                name,
                memoryBytes,
                peak.bytesPerSecond(),
                peak.flopsPerSecond(),
                1,
                GPU_MATRIX_SHARE,
                GPU_LAYER_OVERHEAD_S,
                AllReduceLatency.unknown(),
                Bfloat16.BYTES);
    }

    /** Returns whether the device is this machine's processors. */
    public boolean isCpu() {
        return elementBytes == Float.BYTES;
    }

    /** The rates that operations reach. */
    public PeakRates reached() {
        return new PeakRates(bytesPerSecond * copyShare, flopsPerSecond * matrixShare);
    }

    private static void positive(double value, String what) {
        if (!(value > 0)) {
            throw UserError.of("bad " + what + " of a hardware profile", value, "above 0; mend the profile");
        }
    }

    private static void share(double value, String what) {
        if (!(value > 0 && value <= 1.2)) { // caches may beat a copy
            throw UserError.of(
                    "bad " + what + " of a hardware profile", value, "above 0, about 1 at most; mend the profile");
        }
    }
}
