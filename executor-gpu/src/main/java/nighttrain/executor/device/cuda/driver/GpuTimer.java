package nighttrain.executor.device.cuda.driver;

import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.Streams.Stream;

/** Times work on a stream by the GPU's own events. */
public final class GpuTimer {
    private GpuTimer() {}

    /** The least of {@code runs} timed runs, after one that is not, in seconds; waits for each. */
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
