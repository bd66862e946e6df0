package nighttrain.jobs.plan;

import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import nighttrain.executor.perf.HardwareProfile;

/**
 * How many rows a trial runs: enough to fill the engine for some batches, or what is done once is taken for its pace. A first run of
 * few rows, which everything is new to, tells how long rows are; a second takes as many more as its time allows.
 *
 * @param rows at most
 * @param least of these, whatever time they take
 */
public record TrialSize(int rows, int least) {
    private static final int BATCHES = 8;
    private static final int LEAST = 256;

    /** A processor is as busy with a third of a batch as with all of it, and a plan is wanted at once. */
    private static final double CPU_S = 10;

    /** A GPU is not: eight batches of short answers take half a minute. */
    private static final double GPU_S = 30;

    private static final double COLD_SHARE = 1.0 / 3;

    public TrialSize {
        if (least < 2 || rows < least) {
            throw new IllegalArgumentException("trial: " + least + " to " + rows + " rows (at least 2)");
        }
    }

    /** {@code asked}: so many, whatever time they take. */
    public static TrialSize of(Optional<Integer> asked, int maxNumSeqs) {
        return asked.map(rows -> new TrialSize(rows, rows))
                .orElseGet(() -> new TrialSize(Math.max(LEAST, BATCHES * maxNumSeqs), LEAST));
    }

    /** Of {@code there} rows, those of the first run: at least one. */
    public int cold(int there) {
        return Math.max(1, (int) (Math.min(least, there) * COLD_SHARE));
    }

    /**
     * Of {@code there} rows, those of the second run.
     *
     * @param forecastS seconds that so many would take
     */
    public int warm(int there, HardwareProfile hardware, IntToDoubleFunction forecastS) {
        int most = Math.min(rows, there) - cold(there);
        int fewest = Math.min(least, there) - cold(there);
        if (most == fewest) {
            return most;
        }
        double share = (hardware.isCpu() ? CPU_S : GPU_S) / forecastS.applyAsDouble(most);
        return Math.max(fewest, (int) Math.round(most * Math.min(1, share)));
    }

    /** Of {@code warm} rows, those that go first, in a run of their own; 0 where there are too few for two. */
    public static int apart(int warm) {
        return warm < 4 * LEAST ? 0 : warm / 4;
    }
}
