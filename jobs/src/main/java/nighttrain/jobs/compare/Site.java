package nighttrain.jobs.compare;

import java.util.List;
import nighttrain.executor.EngineConfig;
import nighttrain.jobs.compare.CompareResult.Failure;

/** The place where a comparison's engines run, one at a time. */
public interface Site {
    /** Describes the machine in words: figures of another machine are no part of this comparison. */
    String machine(EngineConfig config) throws InterruptedException;

    /** Opens an engine, measures a round of each workload that is missing, and closes it. */
    void measure(Assignment assignment, Witness witness) throws InterruptedException;

    /** Receives the results of an engine. */
    interface Witness {
        /** Receives the current phase, in a few words. */
        void phase(String what);

        /** Receives a measured round. */
        void measured(FinishedRound round);

        /** Receives workloads that have no figures, and why. */
        void failed(List<String> workloads, Failure failure);
    }
}
