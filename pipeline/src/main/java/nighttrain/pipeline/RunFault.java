package nighttrain.pipeline;

/**
 * What ended a run in its middle and is no fault of the job: nothing that was finished is lost. The message is one line,
 * {@code what failed: value (limit; way out)}.
 */
public abstract sealed class RunFault extends RuntimeException permits StorageFault, EngineFault {
    private static final long serialVersionUID = 1L;
    static final String WAY_OUT = "run the same command again, which computes only what is not finished";

    RunFault(String message, Throwable cause) {
        super(message, cause);
    }

    /** Throws one where it is what is behind a failure: Spark wraps what tasks throw, some layers deep. */
    static void throwIfBehind(Throwable failure) {
        StorageFault.throwIfBehind(failure);
        EngineFault.throwIfBehind(failure);
    }
}
