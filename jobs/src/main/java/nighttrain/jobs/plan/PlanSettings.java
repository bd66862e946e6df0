package nighttrain.jobs.plan;

import static nighttrain.pipeline.settings.Setting.SettingGroup.PLAN;

import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.OutputEffect;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.SettingType;
import nighttrain.pipeline.settings.Settings;

/** What can be set of a plan, beside the settings of the job that is planned. */
public final class PlanSettings {
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
            SettingGroup.MODEL, SettingGroup.INPUT, SettingGroup.PROMPT, SettingGroup.SAMPLING, SettingGroup.ENGINE);

    private PlanSettings() {}

    /** Every setting of a plan, in the order of help. */
    public static List<Setting<?>> all() {
        return Stream.concat(OWN.stream(), ofTheJob().stream()).toList();
    }

    /** Those of the job that is planned. */
    public static List<Setting<?>> ofTheJob() {
        return Settings.all().stream()
                .filter(setting -> OF_THE_JOB.contains(setting.group()) || setting.equals(Settings.EXECUTOR_WAIT))
                .toList();
    }

    /** Those that are of a plan alone. */
    public static List<Setting<?>> own() {
        return OWN;
    }

    private static <T> Setting<T> of(String name, SettingType<T> type, T value, String placeholder, String help) {
        return new Setting<>(name, type, Optional.of(value), placeholder, help, PLAN, List.of(), OutputEffect.NONE);
    }

    private static <T> Setting<T> optional(String name, SettingType<T> type, String placeholder, String help) {
        return new Setting<>(name, type, Optional.empty(), placeholder, help, PLAN, List.of(), OutputEffect.NONE);
    }
}
