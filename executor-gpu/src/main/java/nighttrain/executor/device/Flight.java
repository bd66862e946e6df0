package nighttrain.executor.device;

import java.util.List;

/** A step under way: all of its work is handed over, its draws are to come. */
@FunctionalInterface
public interface Flight {
    /** Waits for the step to end and returns what was drawn. Flights land in the order in which they began, each once. */
    List<Drawn> land();
}
