package nighttrain.executor.device.cuda.driver;

import com.sun.jna.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * One rank's order of work: a main stream, and a side stream on which sums travel while the main one computes. A sum that is waited for
 * at once goes to the main stream, where it costs no events, unless another still travels: sums keep their order.
 */
public final class Streams implements AutoCloseable {
    private static final int EVENTS = 8;

    private final Stream main = new Stream();
    private final Stream side = new Stream();
    private final CUevent[] events = new CUevent[EVENTS];
    private int nextEvent;
    private int travelling;

    /** A sum on the side stream. */
    public final class Travelling {
        private final CUevent landed;
        private boolean done;

        private Travelling(CUevent landed) {
            this.landed = landed;
        }

        /** Orders the main stream's later work after the sum. */
        public void land() {
            if (!done) {
                JCudaDriver.cuStreamWaitEvent(main, landed, 0);
                travelling--;
                done = true;
            }
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

    /** The main stream. */
    public Stream main() {
        return main;
    }

    /** Enqueues a sum that the main stream's later work comes after. */
    public void sum(Launch launch) {
        if (travelling == 0) {
            launch.on(main, false);
        } else {
            sumBeside(launch).land();
        }
    }

    /** Enqueues a sum after all work so far, beside what comes until it lands. */
    public Travelling sumBeside(Launch launch) {
        order(main, side, nextEvent());
        launch.on(side, true);
        CUevent landed = nextEvent();
        JCudaDriver.cuEventRecord(landed, side);
        travelling++;
        return new Travelling(landed);
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
        JCudaDriver.cuStreamSynchronize(main);
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

    /** A stream that tells its handle, which other libraries need. */
    public static final class Stream extends CUstream {
        public Pointer handle() {
            return new Pointer(getNativePointer());
        }
    }
}
