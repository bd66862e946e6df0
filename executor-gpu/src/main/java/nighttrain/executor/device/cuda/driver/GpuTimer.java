package nighttrain.executor.device.cuda.driver;

import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.Streams.Stream;

/** Measures the time of work on a stream by GPU events. */
public final class GpuTimer {
    private GpuTimer() {}

    /** Runs {@code work} once untimed and then {@code runs} times, and returns the least time in seconds. Waits for each run. */
    public static double leastSeconds(Stream stream, int runs, Runnable work) {
        CUevent start = new CUevent();
        CUevent end = new CUevent();
        JCudaDriver.cuEventCreate(start, 0);
        JCudaDriver.cuEventCreate(end, 0);
        double least = Double.POSITIVE_INFINITY;
        for (int run = 0; run <= runs; run++) {
            JCudaDriver.cuEventRecord(start, stream);
            work.run();
            JCudaDriver.cuEventRecord(end, stream);
            JCudaDriver.cuEventSynchronize(end);
            float[] millis = new float[1];
            JCudaDriver.cuEventElapsedTime(millis, start, end);
            least = run == 0 ? least : Math.min(least, millis[0] / 1e3);
        }
        JCudaDriver.cuEventDestroy(start);
        JCudaDriver.cuEventDestroy(end);
        return least;
    }
}
