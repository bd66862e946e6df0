package nighttrain.executor.device.cuda.driver;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * One rank's order of work: a main stream, and a side stream on which sums travel while the main one computes. A sum is held back
 * until it is known which of the two it needs: awaited before anything else runs, it goes to the main stream, where it costs no
 * events; otherwise it forks off.
 */
public final class Streams implements AutoCloseable {
    private static final int EVENTS = 8;

    private final Stream main = new Stream();
    private final Stream side = new Stream();
    private final CUevent[] events = new CUevent[EVENTS];
    private int nextEvent;
    private Travelling heldBack;
    private int forked;

    /** A sum under way. */
    public final class Travelling {
        private final Launch launch;
        private CUevent landed;
        private boolean done;

        private Travelling(Launch launch) {
            this.launch = launch;
        }

        /** Orders the main stream's later work after the sum. */
        public void land() {
            if (done) {
                return;
            }
            if (heldBack == this && forked == 0) {
                heldBack = null;
                launch.on(main, false);
            } else {
                fork();
                JCudaDriver.cuStreamWaitEvent(main, landed, 0);
                forked--;
            }
            done = true;
        }
    }

    /** Enqueues a sum; {@code overlapped}: other work runs beside it, which may then overwrite what is summed. */
    @FunctionalInterface
    public interface Launch {
        void on(Stream stream, boolean overlapped);
    }

    public Streams() {
        JCudaDriver.cuStreamCreate(main, CUstream_flags.CU_STREAM_NON_BLOCKING);
        int[] highest = new int[1];
        JCudaDriver.cuCtxGetStreamPriorityRange(new int[1], highest);
        JCudaDriver.cuStreamCreateWithPriority(side, CUstream_flags.CU_STREAM_NON_BLOCKING, highest[0]);
        for (int i = 0; i < EVENTS; i++) {
            events[i] = new CUevent();
            JCudaDriver.cuEventCreate(events[i], CUevent_flags.CU_EVENT_DISABLE_TIMING);
        }
    }

    /** The main stream, for work that comes after all that was enqueued or started before. */
    public Stream main() {
        fork();
        return main;
    }

    public Travelling start(Launch launch) {
        fork();
        heldBack = new Travelling(launch);
        return heldBack;
    }

    /** Sends the sum that is held back to the side stream. */
    private void fork() {
        if (heldBack == null) {
            return;
        }
        Travelling sum = heldBack;
        heldBack = null;
        order(main, side, nextEvent());
        sum.launch.on(side, true);
        sum.landed = nextEvent();
        JCudaDriver.cuEventRecord(sum.landed, side);
        forked++;
    }

    private static void order(CUstream before, CUstream after, CUevent event) {
        JCudaDriver.cuEventRecord(event, before);
        JCudaDriver.cuStreamWaitEvent(after, event, 0);
    }

    private CUevent nextEvent() {
        CUevent event = events[nextEvent];
        nextEvent = (nextEvent + 1) % EVENTS;
        return event;
    }

    /** Waits on the host for everything enqueued. */
    public void synchronize() {
        JCudaDriver.cuStreamSynchronize(main());
    }

    /** As {@link #synchronize}, and for sums that have not landed. */
    public void drain() {
        synchronize();
        JCudaDriver.cuStreamSynchronize(side);
    }

    @Override
    public void close() {
        JCudaDriver.cuStreamDestroy(main);
        JCudaDriver.cuStreamDestroy(side);
        for (CUevent event : events) {
            JCudaDriver.cuEventDestroy(event);
        }
    }
}
