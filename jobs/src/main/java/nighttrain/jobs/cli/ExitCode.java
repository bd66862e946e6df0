package nighttrain.jobs.cli;

/** Exit codes of the command; a scheduler's retry policy can rely on them. */
public enum ExitCode {
    /** The command finished; the summary counts rows with errors, if any. */
    FINISHED(0),
    /** Any failure that is neither the user's fault nor listed below. */
    FAILED(1),
    /** Bad usage or input: one line is printed, nothing is written. */
    BAD_INPUT(2),
    /** The job finished, but more rows failed than {@code --max-row-errors} allows. */
    TOO_MANY_ROW_ERRORS(3),
    /** A signal or the deadline stopped the job with rows left: the same command resumes it. */
    STOPPED(4);

    private final int code;

    ExitCode(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }
}
