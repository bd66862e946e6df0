package nighttrain.pipeline.partition;

/**
 * Executors that share a job, and their failures.
 *
 * @param executors one engine each
 * @param slots tasks that feed an engine at a time
 * @param maxNumSeqs sequences that an engine runs at a time, over its replicas
 * @param launchS seconds from a task's end to the next one's first row
 * @param spreadS seconds over which executors start, one after the other
 * @param slowShare of the executors, 0 to 1: the first, which get the longest rows, the worst that can be
 * @param slowness how many times slower those are
 * @param failuresPerDay of one executor
 * @param restartS seconds until another takes its place
 */
public record Fleet(
        int executors,
        int slots,
        int maxNumSeqs,
        double launchS,
        double spreadS,
        double slowShare,
        double slowness,
        double failuresPerDay,
        double restartS) {
    public Fleet {
        if (executors < 1 || slots < 1 || maxNumSeqs < 1) {
            throw new IllegalArgumentException(
                    "fleet: " + executors + " x " + slots + " x " + maxNumSeqs + " (each at least 1)");
        }
    }

    /** Equal and healthy executors that are there from the start. */
    public static Fleet healthy(int executors, int slots, int maxNumSeqs) {
        return new Fleet(executors, slots, maxNumSeqs, 0.1, 0, 0, 1, 0, 0);
    }
}
