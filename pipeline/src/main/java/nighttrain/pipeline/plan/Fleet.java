package nighttrain.pipeline.plan;

import nighttrain.io.UserError;

/**
 * Executors that share a job, and what befalls them.
 *
 * @param executors one engine each
 * @param slots tasks that feed an engine at a time
 * @param maxNumSeqs sequences that an engine runs at a time, over its replicas
 * @param launchS seconds from a task's end to the next one's first row
 * @param spreadS seconds over which executors come, one after the other
 * @param slowShare of the executors, 0 to 1: the first, which get the longest rows, the worst that can be
 * @param slowness how many times slower those are
 * @param failuresPerDay of one executor
 * @param restartS seconds until another takes its place
 */
public record Fleet(
        int executors,
        int slots,
        int maxNumSeqs,
        double launchS,
        double spreadS,
        double slowShare,
        double slowness,
        double failuresPerDay,
        double restartS) {
    public Fleet {
        if (executors < 1 || slots < 1 || maxNumSeqs < 1) {
            throw new IllegalArgumentException(
                    "fleet: " + executors + " x " + slots + " x " + maxNumSeqs + " (each at least 1)");
        }
        check(spreadS >= 0, PlanSettings.SPREAD_S.option(), spreadS, "0 or more seconds");
        check(restartS >= 0, PlanSettings.RESTART_S.option(), restartS, "0 or more seconds");
        check(slowShare >= 0 && slowShare <= 1, PlanSettings.SLOW_SHARE.option(), slowShare, "0 to 1");
        check(slowness >= 1, PlanSettings.SLOWNESS.option(), slowness, "at least 1, how many times slower");
        check(
                failuresPerDay >= 0 && failuresPerDay <= 100,
                PlanSettings.FAILURES.option(),
                failuresPerDay,
                "0 to 100 of one node");
    }

    /** Alike, all there from the start, and healthy. */
    public static Fleet healthy(int executors, int slots, int maxNumSeqs) {
        return new Fleet(executors, slots, maxNumSeqs, 0.1, 0, 0, 1, 0, 0);
    }

    private static void check(boolean valid, String what, double value, String hint) {
        if (!valid) {
            throw UserError.of("bad value of " + what, value, hint + "; leave it out for none");
        }
    }
}
