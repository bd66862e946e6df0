package nighttrain.jobs.compare;

import com.fasterxml.jackson.annotation.JsonAlias;
import java.io.Serializable;
import nighttrain.executor.Layout;

/**
 * One cell of a comparison: an engine under a workload.
 *
 * @param visit the engine
 * @param workload name of the workload
 */
public record Cell(Visit visit, @JsonAlias("load") String workload) {
    public String candidate() {
        return visit.candidate();
    }

    public Layout layout() {
        return visit.layout();
    }

    /** Returns the same cell without all-reduces. */
    Cell bound() {
        return new Cell(new Visit(visit.candidate(), visit.layout(), true), workload);
    }

    /** {@code track-d8 1x4, 1024/128}. */
    @Override
    public String toString() {
        return visit + ", " + workload;
    }

    /**
     * A way to open an engine.
     *
     * @param candidate name of the model
     * @param layout layout of its devices
     * @param bound whether all-reduces are left out: answers are wrong, and the time is the baseline for the cost of communication
     */
    public record Visit(@JsonAlias("contender") String candidate, Layout layout, boolean bound)
            implements Serializable {
        /** {@code track-d8 1x4}. */
        @Override
        public String toString() {
            return candidate + " " + layout + (bound ? " without all-reduces" : "");
        }
    }
}
