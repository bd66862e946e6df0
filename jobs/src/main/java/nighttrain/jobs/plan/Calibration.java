package nighttrain.jobs.plan;

import java.util.List;

/**
 * Corrections of the time model, measured in a trial on the available hardware.
 *
 * @param pace measured seconds per forecast second
 * @param coldS seconds that a first start adds to generating: the engine opens, code is compiled
 * @param restS seconds of a run before and after generating
 * @param isMeasured whether there was a trial
 */
public record Calibration(double pace, double coldS, double restS, boolean isMeasured) {
    public Calibration {
        if (!(pace > 0)) {
            throw new IllegalArgumentException("pace: " + pace + " (above 0)");
        }
    }

    /** Returns no correction: without a trial the profile counts as exact. */
    public static Calibration none() {
        return new Calibration(1, 0, 0, false);
    }

    /**
     * Calibrates the time model by a trial.
     *
     * @param coldRun run in a process that has just started
     * @param warmRuns runs after it, with rows of their own: one, or a short and a long one
     */
    public static Calibration of(Run coldRun, List<Run> warmRuns) {
        double pace = pace(warmRuns.get(0), warmRuns.get(warmRuns.size() - 1));
        return new Calibration(
                pace,
                Math.max(0, coldRun.generatingS - pace * coldRun.forecastS),
                Math.max(0, coldRun.wallS - coldRun.generatingS),
                true);
    }

    /**
     * Computes the pace from the difference of a long and a short run: costs that every run pays once, such as a last batch half empty, are no part
     * of it.
     */
    private static double pace(Run shortRun, Run longRun) {
        double pace = (longRun.generatingS - shortRun.generatingS) / (longRun.forecastS - shortRun.forecastS);
        return pace > 0 && Double.isFinite(pace) ? pace : longRun.generatingS / longRun.forecastS;
    }

    /**
     * A run of a trial, in seconds.
     *
     * @param wallS time of the whole run
     * @param generatingS time while engines were fed
     * @param forecastS forecast of the time model for its rows
     */
    public record Run(double wallS, double generatingS, double forecastS) {}
}
