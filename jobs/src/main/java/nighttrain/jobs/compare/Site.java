package nighttrain.jobs.compare;

import java.util.List;
import nighttrain.executor.EngineConfig;
import nighttrain.jobs.compare.CompareResult.Failure;

/** Where the engines of a comparison stand, one at a time. */
public interface Site {
    /** The machine in words: figures of another are no part of this comparison. */
    String machine(EngineConfig config) throws InterruptedException;

    /** Opens an engine, measures a round of each workload that is missing, and closes it. */
    void measure(Assignment assignment, Witness witness) throws InterruptedException;

    /** Hears what an engine does. */
    interface Witness {
        /** What is going on, in a few words. */
        void phase(String what);

        /** A round was measured. */
        void measured(FinishedRound round);

        /** Workloads that have no figures, and why. */
        void failed(List<String> workloads, Failure failure);
    }
}
