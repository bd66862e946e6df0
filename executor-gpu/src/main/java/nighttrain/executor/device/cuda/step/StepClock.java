package nighttrain.executor.device.cuda.step;

import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.Stream;

/** When a step begins and ends, by the GPU's own events. */
public final class StepClock implements AutoCloseable {
    private final CUevent start = new CUevent();
    private final CUevent end = new CUevent();
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

    /** Waits for the end and returns how long the step took; 0 where it was asked before, or never began. */
    long await() {
        JCudaDriver.cuEventSynchronize(end);
        float[] millis = new float[1];
        if (running) {
            JCudaDriver.cuEventElapsedTime(millis, start, end);
            running = false;
        }
        return (long) (millis[0] * 1e6);
    }

    @Override
    public void close() {
        JCudaDriver.cuEventDestroy(start);
        JCudaDriver.cuEventDestroy(end);
    }
}
