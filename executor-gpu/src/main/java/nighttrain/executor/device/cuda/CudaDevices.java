package nighttrain.executor.device.cuda;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import jcuda.CudaException;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.executor.device.cuda.collective.PeerAccess;
import nighttrain.executor.device.cuda.collective.PeerGroup;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.UserError;

/** The GPUs of this machine. */
public final class CudaDevices {
    private static final int NAME_BYTES = 256;

    private CudaDevices() {}

    /**
     * Returns the number of GPUs.
     *
     * @throws UserError if the driver is missing or fails, naming what is missing
     */
    public static int count() {
        NativeLibraries.requireDriver();
        try {
            JCudaDriver.setExceptionsEnabled(true);
            JCudaDriver.cuInit(0);
            int[] count = new int[1];
            JCudaDriver.cuDeviceGetCount(count);
            return count[0];
        } catch (CudaException e) {
            if (CUresult.stringFor(CUresult.CUDA_ERROR_NO_DEVICE).equals(e.getMessage())) {
                return 0;
            }
            throw UserError.of(
                    "the NVIDIA driver does not start",
                    e.getMessage(),
                    "see nvidia-smi; repair the driver, or use --backend cpu");
        } catch (UnsatisfiedLinkError e) {
            throw UserError.of(
                    "JCuda's native library does not load",
                    e.getMessage().lines().findFirst().orElse(""),
                    "jcuda-natives for this platform must be on the class path, and TMPDIR writable and executable;"
                            + " correct these, or use --backend cpu",
                    e);
        }
    }

    /** Whether this machine has everything that {@link #ranks} needs. */
    public static boolean available() {
        try {
            require();
            return true;
        } catch (UserError e) {
            return false;
        }
    }

    /**
     * Checks that this machine has everything that {@link #ranks} needs.
     *
     * @throws UserError naming what is missing and the places that were searched
     */
    public static void require() {
        if (count() == 0) {
            throw UserError.of(
                    "no GPU",
                    0,
                    "the NVIDIA driver sees none; see nvidia-smi and CUDA_VISIBLE_DEVICES, or use --backend cpu");
        }
        new CudaLibraries();
    }

    /** Bytes of memory on one GPU, and how many of them are free. */
    public record Memory(long freeBytes, long totalBytes) {
        public long takenBytes() {
            return totalBytes - freeBytes;
        }
    }

    public static Memory memory(int ordinal) {
        CudaContext context = new CudaContext(ordinal);
        try {
            context.makeCurrent();
            long[] free = new long[1];
            long[] total = new long[1];
            JCudaDriver.cuMemGetInfo(free, total);
            return new Memory(free[0], total[0]);
        } finally {
            context.close(false);
        }
    }

    /** Describes all GPUs that this process sees: {@code 4 x NVIDIA H200}. */
    public static String names() {
        Map<String, Integer> counts = new TreeMap<>();
        for (int ordinal = 0; ordinal < count(); ordinal++) {
            CUdevice device = new CUdevice();
            JCudaDriver.cuDeviceGet(device, ordinal);
            byte[] name = new byte[NAME_BYTES];
            JCudaDriver.cuDeviceGetName(name, name.length, device);
            counts.merge(new String(name, StandardCharsets.UTF_8).split("\0", 2)[0].strip(), 1, Integer::sum);
        }
        return counts.entrySet().stream()
                .map(entry -> entry.getValue() + " x " + entry.getKey())
                .collect(Collectors.joining(", "));
    }

    /** Measures the peak rates of one GPU. Takes about a second and 3 GiB. */
    public static PeakRates peakRates(int ordinal) {
        count();
        try (CudaPeakRates gpu = new CudaPeakRates(new CudaContext(ordinal), new CudaLibraries())) {
            return gpu.measure();
        }
    }

    /** Returns the devices of one replica, one rank each on the GPUs of these numbers. */
    public static List<Device> ranks(List<Integer> ordinals, StepLimits limits, CacheLayout layout) {
        return ranks(ordinals, limits, layout, CudaOptions.defaults());
    }

    /** As {@link #ranks(List, StepLimits, CacheLayout)}, computing as {@code options} say. */
    public static List<Device> ranks(
            List<Integer> ordinals, StepLimits limits, CacheLayout layout, CudaOptions options) {
        count();
        CudaLibraries libraries = new CudaLibraries();
        List<CudaContext> contexts = ordinals.stream().map(CudaContext::new).toList();
        PeerGroup peers =
                new PeerGroup(ordinals.size(), PeerAccess.of(contexts, options.nccl(), options.deterministic()));
        List<Device> devices = new ArrayList<>();
        try {
            for (int rank = 0; rank < contexts.size(); rank++) {
                devices.add(new CudaDevice(rank, contexts.get(rank), peers, libraries, limits, layout, options));
            }
        } catch (RuntimeException | Error e) {
            devices.forEach(Device::close);
            throw e;
        }
        return List.copyOf(devices);
    }
}
