package nighttrain.jobs.compare;

import com.fasterxml.jackson.annotation.JsonAlias;
import java.io.Serializable;
import nighttrain.executor.Layout;

/**
 * What one figure of a comparison stands for.
 *
 * @param visit the engine
 * @param workload name of what it was asked
 */
public record Cell(Visit visit, @JsonAlias("load") String workload) {
    public String candidate() {
        return visit.candidate();
    }

    public Layout layout() {
        return visit.layout();
    }

    /** The same without all-reduces. */
    Cell bound() {
        return new Cell(new Visit(visit.candidate(), visit.layout(), true), workload);
    }

    /** {@code track-d8 1x4, 1024/128}. */
    @Override
    public String toString() {
        return visit + ", " + workload;
    }

    /**
     * One way to open an engine.
     *
     * @param candidate the model's name
     * @param layout of its devices
     * @param bound without all-reduces: the answers are wrong, the time is what communication is held against
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
