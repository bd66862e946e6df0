package nighttrain.jobs.plan;

import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.Forecast;
import nighttrain.executor.perf.StepTime;

/**
 * How long one replica takes for so many rows of a sample. Few are forecast to the last step; of many, a stretch of the middle, so that
 * beginning and end count once.
 *
 * @param fewRows forecast exactly up to here
 * @param fewS seconds of so many
 * @param rowsPerS of a full replica in the middle of its work; of the few, where there is no middle
 * @param communicationShare of the time, in which ranks wait for all-reduces, 0 to 1
 */
record ReplicaTime(long fewRows, double fewS, double rowsPerS, double communicationShare) {
    private static final int BATCHES = 4;
    private static final int LEAST = 256;
    private static final int MOST = 4096;

    /** {@code rows}: of this replica. */
    static ReplicaTime of(Sample sample, EnginePlan plan, StepTime time, long rows) {
        int exact = Math.min(MOST, Math.max(LEAST, BATCHES * plan.maxNumSeqs()));
        if (rows <= exact) {
            Forecast all = plan.forecast(time, sample.requests((int) Math.max(1, rows), plan.maxModelLen()));
            return new ReplicaTime(rows, all.seconds(), rows / all.seconds(), all.communicationS() / all.seconds());
        }
        Forecast half = plan.forecast(time, sample.requests(exact / 2, plan.maxModelLen()));
        Forecast whole = plan.forecast(time, sample.requests(exact, plan.maxModelLen()));
        double rowsPerS = (exact - exact / 2) / (whole.seconds() - half.seconds());
        return new ReplicaTime(exact, whole.seconds(), rowsPerS, whole.communicationS() / whole.seconds());
    }

    /** Of at least {@code fewRows} rows. */
    double seconds(double rows) {
        return fewS + Math.max(0, rows - fewRows) / rowsPerS;
    }
}
