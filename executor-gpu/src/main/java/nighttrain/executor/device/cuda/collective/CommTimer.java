package nighttrain.executor.device.cuda.collective;

import java.util.Map;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;

/** Measures the time that one rank spends in communication, waits included, by the GPU's clock. */
public final class CommTimer {
    public static final KernelSource SOURCE = new KernelSource("clock.cu", Map.of());
    private static final Kernel.Grid ONE_THREAD = Kernel.Grid.of(1, 1, 1);

    private final KernelModules modules;
    private final DevicePointer nanos;
    private final DevicePointer started;
    private final DeviceMemory.Pinned hostNanos;

    CommTimer(KernelModules modules, DeviceMemory memory) {
        this.modules = modules;
        this.nanos = memory.allocate("communication time", Long.BYTES);
        this.started = memory.allocate("communication start", Long.BYTES);
        this.hostNanos = memory.pinned(Long.BYTES);
    }

    /** The address to which our own kernels add their time. */
    long address() {
        return nanos.address();
    }

    /** Enqueues {@code work}, which launches kernels of a library, and measures its time. */
    void count(Stream stream, Runnable work) {
        modules.get("start_clock", SOURCE).launch(stream, ONE_THREAD, started.address());
        work.run();
        modules.get("stop_clock", SOURCE).launch(stream, ONE_THREAD, started.address(), nanos.address());
    }

    /** Enqueues the copy that {@link #nanos} reads. */
    void read(Stream stream) {
        hostNanos.copyFrom(nanos, Long.BYTES, stream);
    }

    long nanos() {
        return hostNanos.view().getLong(0);
    }
}
