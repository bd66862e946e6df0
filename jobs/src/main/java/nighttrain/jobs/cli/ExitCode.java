package nighttrain.jobs.cli;

/** What the command tells its caller: a scheduler's retry policy can be built on these. */
public enum ExitCode {
    /** Finished; rows with errors, if any, are told in the summary. */
    FINISHED(0),
    /** Anything that is neither the user's fault nor named below. */
    FAILED(1),
    /** Bad usage or input: one line, nothing written. */
    BAD_INPUT(2),
    /** Finished, but more rows failed than {@code --max-row-errors} allows. */
    TOO_MANY_ROW_ERRORS(3),
    /** Stopped by a signal, or by its deadline, with rows left: the same command goes on. */
    STOPPED(4);

    private final int code;

    ExitCode(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }
}
