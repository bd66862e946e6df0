package nighttrain.jobs.plan;

import static nighttrain.pipeline.settings.Setting.SettingGroup.PLAN;

import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;
import nighttrain.jobs.plan.Trial.TrialSize;
import nighttrain.pipeline.partition.FleetSimulation.Fleet;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.OutputEffect;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.SettingType;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;

/**
 * The typed and checked settings of a plan.
 *
 * @param job settings of the planned job, its output aside
 * @param hardware hardware to plan for; empty: that of this machine, measured in a trial
 * @param nodes executors, one per node
 * @param gpusPerNode GPUs per node; empty: one, or those of this machine
 * @param usdPerHour price of one GPU, or of a node without GPUs; empty: no cost is reported
 * @param sampleRows rows to sample; empty: as {@link TrialSize} decides
 * @param fromRun output of a finished run whose lengths are used
 * @param mishaps slow and failing nodes that the plan assumes
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
    public static final Setting<String> HARDWARE = optional(
            "hardware",
            SettingType.TEXT,
            "NAME|FILE",
            "GPUs to plan for, from conf/hardware or a file (default: those of this machine)");
    public static final Setting<Integer> NODES = of("nodes", SettingType.INTEGER, 1, "N", "executors, one per node");
    public static final Setting<Integer> GPUS_PER_NODE =
            optional("gpusPerNode", SettingType.INTEGER, "G", "GPUs per node (default: 1, or those of this machine)");
    public static final Setting<String> PRICES =
            optional("prices", SettingType.PATH, "FILE", "USD per GPU-hour by hardware, such as conf/prices.yaml");
    public static final Setting<Integer> SAMPLE = optional(
            "sample",
            SettingType.INTEGER,
            "N",
            "rows to read, and to run where this machine has the hardware (default: 8 times --max-num-seqs, at least"
                    + " 256; fewer when they take too long)");
    public static final Setting<String> SCRATCH =
            optional("scratch", SettingType.PATH, "PATH", "folder for the files of the trial (default: a local one)");
    public static final Setting<String> FROM_RUN = optional(
            "fromRun",
            SettingType.PATH,
            "PATH",
            "output directory of a finished run, to take output lengths from (default: those of the trial)");
    public static final Setting<Double> SLOW_SHARE =
            of("slowShare", SettingType.REAL, 0.0, "SHARE", "share of the nodes that are slow");
    public static final Setting<Double> SLOWNESS =
            of("slowness", SettingType.REAL, 2.0, "X", "how many times slower the slow nodes are");
    public static final Setting<Double> FAILURES =
            of("failuresPerDay", SettingType.REAL, 0.0, "X", "failures per node and day");
    public static final Setting<Integer> RESTART_S = of(
            "restartSeconds",
            SettingType.INTEGER,
            120,
            "N",
            "seconds until another node takes its place and has loaded the model");
    public static final Setting<Integer> SPREAD_S = of(
            "spreadSeconds",
            SettingType.INTEGER,
            0,
            "N",
            "seconds from the start of the first node to that of the last");

    private static final List<Setting<?>> OWN = List.of(
            HARDWARE,
            NODES,
            GPUS_PER_NODE,
            PRICES,
            SAMPLE,
            SCRATCH,
            FROM_RUN,
            SLOW_SHARE,
            SLOWNESS,
            FAILURES,
            RESTART_S,
            SPREAD_S);
    private static final Set<SettingGroup> OF_THE_JOB = EnumSet.of(
            SettingGroup.MODEL,
            SettingGroup.INPUT,
            SettingGroup.PROMPT,
            SettingGroup.LABELS,
            SettingGroup.SAMPLING,
            SettingGroup.ENGINE);

    /** Returns every setting of a plan, in the order of the help text. */
    public static List<Setting<?>> all() {
        return Stream.concat(OWN.stream(), ofTheJob().stream()).toList();
    }

    /** Returns the settings of the planned job. */
    public static List<Setting<?>> ofTheJob() {
        return Settings.all().stream()
                .filter(setting -> OF_THE_JOB.contains(setting.group()) || setting.equals(Settings.EXECUTOR_WAIT))
                .toList();
    }

    /** Returns the settings of a job that say where its results go and when it stops: a plan ignores them. */
    static List<Setting<?>> unused() {
        return Settings.all().stream()
                .filter(setting -> !ofTheJob().contains(setting))
                .toList();
    }

    /** Returns the settings that only a plan has. */
    public static List<Setting<?>> own() {
        return OWN;
    }

    private static <T> Setting<T> of(String name, SettingType<T> type, T value, String placeholder, String help) {
        return new Setting<>(name, type, Optional.of(value), placeholder, help, PLAN, List.of(), OutputEffect.NONE);
    }

    private static <T> Setting<T> optional(String name, SettingType<T> type, String placeholder, String help) {
        return new Setting<>(name, type, Optional.empty(), placeholder, help, PLAN, List.of(), OutputEffect.NONE);
    }

    private static final int MOST_NODES = 100_000;
    private static final int MOST_GPUS = 64;
    private static final int MOST_SAMPLED = 100_000;

    /**
     * Slow and failing executors; see {@link Fleet}.
     */
    public record Mishaps(double slowShare, double slowness, double failuresPerDay, int restartS, int spreadS) {
        Fleet befalling(int executors, int slots, int maxNumSeqs) {
            return new Fleet(
                    executors, slots, maxNumSeqs, LAUNCH_S, spreadS, slowShare, slowness, failuresPerDay, restartS);
        }

        private static final double LAUNCH_S = 0.1;

        public Mishaps {
            check(spreadS >= 0, SPREAD_S, spreadS, "0 or more seconds");
            check(restartS >= 0, RESTART_S, restartS, "0 or more seconds");
            check(slowShare >= 0 && slowShare <= 1, SLOW_SHARE, slowShare, "0 to 1");
            check(slowness >= 1, SLOWNESS, slowness, "at least 1, how many times slower");
            check(failuresPerDay >= 0 && failuresPerDay <= 100, FAILURES, failuresPerDay, "0 to 100 of one node");
        }

        private static void check(boolean valid, Setting<?> setting, double value, String hint) {
            if (!valid) {
                throw UserError.of("bad value of " + setting.option(), value, hint + "; leave it out for none");
            }
        }
    }

    public PlanOptions {
        within(1, MOST_NODES, nodes, NODES);
        gpusPerNode.ifPresent(gpus -> within(1, MOST_GPUS, gpus, GPUS_PER_NODE));
        sampleRows.ifPresent(rows -> within(2, MOST_SAMPLED, rows, SAMPLE));
    }

    /**
     * Types and checks the given settings.
     *
     * @param given values by the names in {@link #own}
     * @param job resolved settings of the planned job
     * @param hardware profile that {@code given} names
     * @param usdPerHour price of that hardware
     */
    public static PlanOptions of(
            Map<String, Object> given,
            SettingValues job,
            Optional<HardwareProfile> hardware,
            Optional<Double> usdPerHour) {
        return new PlanOptions(
                job,
                hardware,
                own(given, NODES),
                find(given, GPUS_PER_NODE),
                usdPerHour,
                find(given, SAMPLE),
                find(given, FROM_RUN),
                new Mishaps(
                        own(given, SLOW_SHARE),
                        own(given, SLOWNESS),
                        own(given, FAILURES),
                        own(given, RESTART_S),
                        own(given, SPREAD_S)));
    }

    /** Returns the value given for a setting, or its default. */
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
