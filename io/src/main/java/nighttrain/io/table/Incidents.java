package nighttrain.io.table;

/**
 * What went wrong on a job's way, and did it no harm.
 *
 * @param executorsLost executors that died during the run that wrote the summary
 * @param tasksFailed attempts of tasks that failed during that run, with their executor or by themselves
 * @param rowsRetried rows of the results that had to be begun more than once
 * @param rowsQuarantined rows of the results that ended what computed them, and were given up: they count as errors
 */
public record Incidents(long executorsLost, long tasksFailed, long rowsRetried, long rowsQuarantined) {
    /** Nothing did. */
    public static final Incidents NONE = new Incidents(0, 0, 0, 0);

    /** {@code error} of rows that are quarantined. */
    public static final String QUARANTINED = "quarantined";
}
