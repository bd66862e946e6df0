package nighttrain.executor.device.cuda;

import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;

/** How long the GPU works on steps, by its own events. */
final class StepClock implements AutoCloseable {
    private final CUevent start = new CUevent();
    private final CUevent end = new CUevent();
    private long busyNanos;
    private boolean running;

    StepClock() {
        JCudaDriver.cuEventCreate(start, 0);
        JCudaDriver.cuEventCreate(end, 0);
    }

    void start(Stream stream) {
        JCudaDriver.cuEventRecord(start, stream);
        running = true;
    }

    void stop(Stream stream) {
        JCudaDriver.cuEventRecord(end, stream);
    }

    /** Adds the step that began with {@link #start}, once the stream has been waited for. */
    void count() {
        if (running) {
            float[] millis = new float[1];
            JCudaDriver.cuEventElapsedTime(millis, start, end);
            busyNanos += (long) (millis[0] * 1e6);
            running = false;
        }
    }

    long busyNanos() {
        return busyNanos;
    }

    @Override
    public void close() {
        JCudaDriver.cuEventDestroy(start);
        JCudaDriver.cuEventDestroy(end);
    }
}
