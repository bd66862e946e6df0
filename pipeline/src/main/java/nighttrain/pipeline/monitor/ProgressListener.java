package nighttrain.pipeline.monitor;

/** Is told about twice a second, on a thread of its own on the driver, how far the job is; and once at its end. */
@FunctionalInterface
public interface ProgressListener {
    /** Does nothing. */
    ProgressListener SILENT = progress -> {};

    void at(Progress progress);

    /** Is told in a line what the job waits for, where that takes its time. */
    default void waits(String what) {}
}
