package nighttrain.pipeline.plan;

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
     * What two runs of a trial say, the first in a process that has just started.
     *
     * @param coldRun the first
     * @param warmRun the second, with rows of its own
     */
    public static Calibration of(Run coldRun, Run warmRun) {
        double pace = warmRun.generatingS / warmRun.forecastS;
        return new Calibration(
                pace,
                Math.max(0, coldRun.generatingS - pace * coldRun.forecastS),
                Math.max(0, coldRun.wallS - coldRun.generatingS),
                true);
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
