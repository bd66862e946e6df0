package nighttrain.executor.device.cuda.step;

import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.driver.Streams.Stream;

/**
 * Two steps may be under way at once, the later one waiting in the stream for the earlier: what the host writes for a step, and reads
 * of it, therefore exists twice, used in turn.
 */
public final class StepTurns implements AutoCloseable {
    public static final int COUNT = 2;

    private final StepClock[] clocks = {new StepClock(), new StepClock()};
    private final boolean[] begun = new boolean[COUNT];
    private int now;
    private long busyNanos;

    /** Begins a step and returns its turn; the step that had it before is over then. */
    public int begin(Streams streams) {
        now = (now + 1) % COUNT;
        if (begun[now]) { // nobody has waited for it
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

    /** Says that all of the step is enqueued. */
    public void end(Streams streams) {
        clocks[now].stop(streams.main());
    }

    /** Waits for the step that had this turn. */
    public void await(int turn) {
        busyNanos += clocks[turn].await();
        begun[turn] = false;
    }

    /** Time that the GPU has worked on steps. */
    public long busyNanos() {
        return busyNanos;
    }

    @Override
    public void close() {
        for (StepClock clock : clocks) {
            clock.close();
        }
    }

    /** When a step begins and ends, by the GPU's own events. */
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
}
