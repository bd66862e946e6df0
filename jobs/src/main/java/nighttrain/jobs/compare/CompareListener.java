package nighttrain.jobs.compare;

/** Hears what a comparison is doing. */
public interface CompareListener {
    /** What is going on, in a few words. */
    void phase(String what);

    /**
     * A round was measured.
     *
     * @param done rounds of this run
     * @param total rounds that this run has, as far as is known
     */
    void measured(FinishedRound round, int done, int total);

    /** A cell, or all of an engine, cannot be measured, and why. */
    void failed(String what, String why);
}
