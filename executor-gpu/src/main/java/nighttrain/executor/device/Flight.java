package nighttrain.executor.device;

import java.util.List;
import nighttrain.executor.step.SampledToken;

/** A step under way: all of its work is handed over, its samples are to come. */
@FunctionalInterface
public interface Flight {
    /** Waits for the step to end and returns what was sampled. Flights land in the order in which they began, each once. */
    List<SampledToken> land();
}
