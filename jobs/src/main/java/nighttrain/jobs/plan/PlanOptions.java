package nighttrain.jobs.plan;

import java.util.Map;
import java.util.Optional;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;
import nighttrain.pipeline.partition.FleetSimulation.Fleet;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingValues;

/**
 * A plan: what was set, typed and checked.
 *
 * @param job settings of the job that is planned, its output aside
 * @param hardware to reckon with; empty: what is here, after a trial on it
 * @param nodes executors, one per node
 * @param gpusPerNode empty: one, or what is here
 * @param usdPerHour of one GPU, or of a node without; empty: no cost is told
 * @param sampleRows that are looked at; empty: what {@link TrialSize} says
 * @param fromRun output of a finished run whose lengths are taken
 * @param mishaps slow and failing nodes: those of its executors that a plan will have
 */
public record PlanOptions(
        SettingValues job,
        Optional<HardwareProfile> hardware,
        int nodes,
        Optional<Integer> gpusPerNode,
        Optional<Double> usdPerHour,
        Optional<Integer> sampleRows,
        Optional<String> fromRun,
        Mishaps mishaps) {
    private static final int MOST_NODES = 100_000;
    private static final int MOST_GPUS = 64;
    private static final int MOST_SAMPLED = 100_000;

    /**
     * What befalls executors; see {@link Fleet}.
     */
    public record Mishaps(double slowShare, double slowness, double failuresPerDay, int restartS, int spreadS) {
        Fleet befalling(int executors, int slots, int maxNumSeqs) {
            return new Fleet(
                    executors, slots, maxNumSeqs, LAUNCH_S, spreadS, slowShare, slowness, failuresPerDay, restartS);
        }

        private static final double LAUNCH_S = 0.1;

        public Mishaps {
            check(spreadS >= 0, PlanSettings.SPREAD_S, spreadS, "0 or more seconds");
            check(restartS >= 0, PlanSettings.RESTART_S, restartS, "0 or more seconds");
            check(slowShare >= 0 && slowShare <= 1, PlanSettings.SLOW_SHARE, slowShare, "0 to 1");
            check(slowness >= 1, PlanSettings.SLOWNESS, slowness, "at least 1, how many times slower");
            check(
                    failuresPerDay >= 0 && failuresPerDay <= 100,
                    PlanSettings.FAILURES,
                    failuresPerDay,
                    "0 to 100 of one node");
        }

        private static void check(boolean valid, Setting<?> setting, double value, String hint) {
            if (!valid) {
                throw UserError.of("bad value of " + setting.option(), value, hint + "; leave it out for none");
            }
        }
    }

    public PlanOptions {
        within(1, MOST_NODES, nodes, PlanSettings.NODES);
        gpusPerNode.ifPresent(gpus -> within(1, MOST_GPUS, gpus, PlanSettings.GPUS_PER_NODE));
        sampleRows.ifPresent(rows -> within(2, MOST_SAMPLED, rows, PlanSettings.SAMPLE));
    }

    /**
     * Types and checks what was set.
     *
     * @param given values by the names of {@link PlanSettings#own}
     * @param job what holds of the job that is planned
     * @param hardware that it names
     * @param usdPerHour of that hardware
     */
    public static PlanOptions of(
            Map<String, Object> given,
            SettingValues job,
            Optional<HardwareProfile> hardware,
            Optional<Double> usdPerHour) {
        return new PlanOptions(
                job,
                hardware,
                own(given, PlanSettings.NODES),
                find(given, PlanSettings.GPUS_PER_NODE),
                usdPerHour,
                find(given, PlanSettings.SAMPLE),
                find(given, PlanSettings.FROM_RUN),
                new Mishaps(
                        own(given, PlanSettings.SLOW_SHARE),
                        own(given, PlanSettings.SLOWNESS),
                        own(given, PlanSettings.FAILURES),
                        own(given, PlanSettings.RESTART_S),
                        own(given, PlanSettings.SPREAD_S)));
    }

    /** What was given for a setting, or its default. */
    public static <T> Optional<T> find(Map<String, Object> given, Setting<T> setting) {
        return Optional.ofNullable(given.get(setting.name()))
                .map(value -> setting.parse(value.toString()))
                .or(setting::defaultValue);
    }

    private static <T> T own(Map<String, Object> given, Setting<T> setting) {
        return find(given, setting).orElseThrow();
    }

    private static void within(int least, int most, int value, Setting<Integer> setting) {
        if (value < least || value > most) {
            throw UserError.of(
                    "bad value of " + setting.option(),
                    value,
                    least + " to " + most + "; leave it out for the default");
        }
    }
}
