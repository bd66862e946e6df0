package nighttrain.executor.device.cuda.step;

import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.driver.Streams.Stream;

/**
 * Numbers the two steps that may be under way at once, 0 and 1. Every host buffer of a step therefore exists twice. Measures how long the
 * steps take.
 */
public final class StepTurns implements AutoCloseable {
    public static final int COUNT = 2;

    private final StepClock[] clocks = {new StepClock(), new StepClock()};
    private final boolean[] begun = new boolean[COUNT];
    private int now;
    private long busyNanos;

    /** Begins a step and returns its turn. The step that had this turn before has then ended. */
    public int begin(Streams streams) {
        now = (now + 1) % COUNT;
        if (begun[now]) { // it was not awaited
            streams.synchronize();
        }
        begun[now] = true;
        clocks[now].start(streams.main());
        return now;
    }

    /** The turn of the step that began last. */
    public int now() {
        return now;
    }

    /** Marks the end of the step's work in the stream. */
    public void end(Streams streams) {
        clocks[now].stop(streams.main());
    }

    /** Waits for the step that had this turn. */
    public void await(int turn) {
        busyNanos += clocks[turn].await();
        begun[turn] = false;
    }

    /** Nanoseconds that the GPU has worked on steps. */
    public long busyNanos() {
        return busyNanos;
    }

    @Override
    public void close() {
        for (StepClock clock : clocks) {
            clock.close();
        }
    }

    /** Measures the time of a step by GPU events. */
    public static final class StepClock implements AutoCloseable {
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

        /** Waits for the end and returns the nanoseconds of the step; 0 if it was awaited before or never began. */
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
}
