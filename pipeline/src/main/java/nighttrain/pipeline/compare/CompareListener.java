package nighttrain.pipeline.compare;

/** Hears what a comparison is doing. */
public interface CompareListener {
    /** What is going on, in a few words. */
    void phase(String what);

    /**
     * A round was measured.
     *
     * @param done rounds that are there, earlier runs' included
     * @param total rounds in all, of cells that did not fail
     */
    void measured(FinishedRound round, int done, int total);

    /** A cell cannot be measured, and why. */
    void failed(Cell cell, String why);
}
