package nighttrain.executor.device.cuda.driver;

import com.sun.jna.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * The two streams of one rank. The main stream computes; the side stream communicates at the same time. An all-reduce that is awaited at
 * once runs on the main stream, where it needs no events, unless the side stream is in use: all-reduces keep their order.
 */
public final class Streams implements AutoCloseable {
    /** Events, two for every all-reduce under way. With fewer, an all-reduce would be waited for too early. */
    private static final int EVENTS = 64;

    private final Stream main = new Stream();
    private final Stream side = new Stream();
    private final CUevent[] events = new CUevent[EVENTS];
    private int nextEvent;
    private int pendingOnSide;

    /** Communication on the side stream. */
    public final class SideWork {
        private final CUevent end;
        private boolean done;

        private SideWork(CUevent end) {
            this.end = end;
        }

        /** Orders later work of the main stream after this. Does not make the host wait. */
        public void await() {
            if (!done) {
                JCudaDriver.cuStreamWaitEvent(main, end, 0);
                pendingOnSide--;
                done = true;
            }
        }
    }

    /** Enqueues communication. {@code overlapped}: other work runs at the same time; the input must be free once the communication ends. */
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

    /** Enqueues communication that later work of the main stream waits for. */
    public void enqueue(Launch launch) {
        if (pendingOnSide == 0) {
            launch.on(main, false);
        } else {
            enqueueBeside(launch).await();
        }
    }

    /** Enqueues communication after all work so far, at the same time as later work until {@link SideWork#await}. */
    public SideWork enqueueBeside(Launch launch) {
        order(main, side, nextEvent());
        launch.on(side, true);
        CUevent end = nextEvent();
        JCudaDriver.cuEventRecord(end, side);
        pendingOnSide++;
        return new SideWork(end);
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

    /** Makes the host wait for the main stream. */
    public void synchronize() {
        JCudaDriver.cuStreamSynchronize(main);
    }

    /** Makes the host wait for both streams. */
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

    /** A stream whose handle other libraries can use. */
    public static final class Stream extends CUstream {
        public Pointer handle() {
            return new Pointer(getNativePointer());
        }
    }
}
