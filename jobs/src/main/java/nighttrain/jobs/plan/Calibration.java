package nighttrain.jobs.plan;

import java.util.List;

/**
 * What a trial on the hardware at hand says of the model of time.
 *
 * @param pace seconds that pass for each that is forecast
 * @param coldS seconds that generating takes longer because everything is new: the engine opens, code is compiled
 * @param restS seconds of a run before and after generating
 * @param isMeasured whether there was a trial
 */
public record Calibration(double pace, double coldS, double restS, boolean isMeasured) {
    public Calibration {
        if (!(pace > 0)) {
            throw new IllegalArgumentException("pace: " + pace + " (above 0)");
        }
    }

    /** A profile's word is taken: no trial. */
    public static Calibration none() {
        return new Calibration(1, 0, 0, false);
    }

    /**
     * What a trial says.
     *
     * @param coldRun in a process that has just started
     * @param warmRuns after it, with rows of their own: one, or a short and a long one
     */
    public static Calibration of(Run coldRun, List<Run> warmRuns) {
        double pace = pace(warmRuns.get(0), warmRuns.get(warmRuns.size() - 1));
        return new Calibration(
                pace,
                Math.max(0, coldRun.generatingS - pace * coldRun.forecastS),
                Math.max(0, coldRun.wallS - coldRun.generatingS),
                true);
    }

    /** By what a long run takes longer than a short one: what every run pays once, such as a last batch half empty, is no pace. */
    private static double pace(Run shortRun, Run longRun) {
        double pace = (longRun.generatingS - shortRun.generatingS) / (longRun.forecastS - shortRun.forecastS);
        return pace > 0 && Double.isFinite(pace) ? pace : longRun.generatingS / longRun.forecastS;
    }

    /**
     * A run of a trial, in seconds.
     *
     * @param wallS all of it
     * @param generatingS while engines were fed
     * @param forecastS what the model of time says of its rows
     */
    public record Run(double wallS, double generatingS, double forecastS) {}
}
