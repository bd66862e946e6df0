package nighttrain.executor.device;

import java.util.List;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampledToken;

/** Begins and ends a step on one rank: uploads its inputs to the device and reads its samples back. */
public interface StepIo {
    /**
     * Makes {@code batch} the inputs of the calls that follow. At most {@link Device#stepsAhead} steps before it may still be under
     * way.
     */
    void begin(Batch batch);

    /** Ends the step: later calls do not belong to it. Its handle returns the tokens that the step's {@link Sampler} sampled. */
    StepHandle end();

    /** Nanoseconds that the device has worked on steps so far, from their inputs to their samples. */
    long busyNanos();

    /** A step under way: all of its work is enqueued, its samples are not read yet. */
    @FunctionalInterface
    interface StepHandle {
        /** Waits for the end of the step and returns its samples. Steps are awaited in the order in which they began, each once. */
        List<SampledToken> await();
    }
}
