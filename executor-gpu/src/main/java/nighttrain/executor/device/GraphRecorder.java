package nighttrain.executor.device;

/** Records work and replays it: a whole step for the price of one launch (CUDA graphs). */
public interface GraphRecorder {
    /**
     * Records what {@code work} enqueues, without running it. Everything that varies between replays must come from what
     * {@link StepIo#begin} uploads; shapes and buffers stay as recorded.
     */
    CapturedGraph record(Runnable work);

    /** Recorded work; freed with its device. */
    interface CapturedGraph {
        void replay();
    }
}
