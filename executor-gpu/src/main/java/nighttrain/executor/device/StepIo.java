package nighttrain.executor.device;

import java.util.List;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampledToken;

/** How a step begins and ends on one rank: its inputs go to the device, its samples come back. */
public interface StepIo {
    /**
     * Makes {@code batch} the inputs of the calls that follow. At most {@link Device#stepsAhead} steps before it may still be under
     * way.
     */
    void begin(Batch batch);

    /** Ends the step: nothing that follows belongs to it. Its handle returns what the step's {@link Sampler} sampled. */
    StepHandle end();

    /** Nanoseconds that the device has worked on steps so far, from their inputs to their samples. */
    long busyNanos();

    /** A step under way: all of its work is enqueued, its samples are not read yet. */
    @FunctionalInterface
    interface StepHandle {
        /** Waits for the step to end and returns its samples. Steps are awaited in the order in which they began, each once. */
        List<SampledToken> await();
    }
}
