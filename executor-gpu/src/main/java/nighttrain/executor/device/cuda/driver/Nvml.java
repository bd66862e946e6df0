package nighttrain.executor.device.cuda.driver;

import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;

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
