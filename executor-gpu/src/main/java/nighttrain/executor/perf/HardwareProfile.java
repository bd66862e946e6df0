package nighttrain.executor.perf;

import java.io.Serializable;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Bfloat16;

/**
 * What one kind of device gives, as measured: all that a forecast needs of hardware that need not be here.
 *
 * @param name for people: {@code NVIDIA H200}
 * @param memoryBytes of one device
 * @param bytesPerSecond of a large copy, bytes read and bytes written
 * @param flopsPerSecond of a large matrix product
 * @param copyShare of the copy rate that operations bound by memory reach, 0 to 1
 * @param matrixShare of the matrix rate that operations bound by arithmetic reach, 0 to 1
 * @param layerOverheadS seconds of a layer that kernels take to start and end, whatever they compute
 * @param allReduce times of all-reduces between such devices
 * @param elementBytes of a number as the engine computes there
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
    /** Seen on H100 and H200. */
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

    /** Of the processors here. How much of their rates a model reaches is left to calibration. */
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

    /** Of a GPU that nobody wrote a profile of, with shares that others were seen to reach. */
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

    /** Whether it is the processors here. */
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
