package nighttrain.executor.device.cuda;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.request.EngineStats.DeviceReading;

/** Reads utilization, memory in use and power of GPUs by NVML. Returns nothing if NVML is missing. Thread-safe. */
public final class GpuReadings {
    private static final int BUS_ID_LENGTH = 32;
    private static final Optional<Nvml> NVML = NativeLibraries.find("libnvidia-ml.so.1", Nvml.class)
            .filter(nvml -> nvml.nvmlInit_v2() == 0); // for the life of the process

    private final Map<Integer, Pointer> handles = new LinkedHashMap<>();

    private GpuReadings() {}

    /** For the GPUs of these driver numbers. NVML numbers GPUs differently, so they are looked up by PCI bus id. */
    public static GpuReadings of(List<Integer> ordinals) {
        GpuReadings readings = new GpuReadings();
        NVML.ifPresent(nvml -> ordinals.forEach(ordinal -> {
            PointerByReference handle = new PointerByReference();
            if (nvml.nvmlDeviceGetHandleByPciBusId_v2(busId(ordinal), handle) == 0) {
                readings.handles.put(ordinal, handle.getValue());
            }
        }));
        return readings;
    }

    private static String busId(int ordinal) {
        CUdevice device = new CUdevice();
        JCudaDriver.cuDeviceGet(device, ordinal);
        String[] id = new String[1];
        JCudaDriver.cuDeviceGetPCIBusId(id, BUS_ID_LENGTH, device);
        return id[0];
    }

    /** One reading for each GPU that NVML knows. */
    public List<DeviceReading> read() {
        return handles.entrySet().stream()
                .map(gpu -> read(NVML.orElseThrow(), gpu.getKey(), gpu.getValue()))
                .toList();
    }

    private static DeviceReading read(Nvml nvml, int ordinal, Pointer device) {
        Memory utilization = new Memory(Nvml.UTILIZATION_BYTES);
        Memory memory = new Memory(Nvml.MEMORY_BYTES);
        IntByReference milliwatts = new IntByReference();
        return new DeviceReading(
                ordinal,
                nvml.nvmlDeviceGetUtilizationRates(device, utilization) == 0
                        ? OptionalDouble.of(utilization.getInt(0) / 100.0)
                        : OptionalDouble.empty(),
                nvml.nvmlDeviceGetMemoryInfo(device, memory) == 0
                        ? OptionalLong.of(memory.getLong(Nvml.USED_AT))
                        : OptionalLong.empty(),
                nvml.nvmlDeviceGetPowerUsage(device, milliwatts) == 0
                        ? OptionalDouble.of(milliwatts.getValue() / 1e3)
                        : OptionalDouble.empty());
    }

    /** NVIDIA's management library, which comes with the driver; functions as in nvml.h. */
    public interface Nvml extends Library {
        /** Of nvmlUtilization_t: percent of time, of kernels and of memory accesses, as {@code unsigned}. */
        int UTILIZATION_BYTES = 8;

        /** Of nvmlMemory_t: total, free and used bytes. */
        int MEMORY_BYTES = 24;

        int USED_AT = 16;

        int nvmlInit_v2();

        int nvmlDeviceGetHandleByPciBusId_v2(String busId, PointerByReference device);

        int nvmlDeviceGetUtilizationRates(Pointer device, Pointer utilization);

        int nvmlDeviceGetMemoryInfo(Pointer device, Pointer memory);

        int nvmlDeviceGetPowerUsage(Pointer device, IntByReference milliwatts);
    }
}
