package nighttrain.jobs.bench;

import static nighttrain.pipeline.settings.Setting.SettingGroup.WORKLOAD;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.OutputEffect;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.SettingType;
import nighttrain.pipeline.settings.Settings;

/** What can be set of a benchmark: a workload, beside the settings of model and engine that {@link Settings} has anyhow. */
public final class BenchSettings {
    public static final Setting<Integer> NUM_PROMPTS = whole("numPrompts", 128, "prompts per round");
    public static final Setting<Integer> INPUT_LEN = whole("inputLen", 128, "tokens per prompt");
    public static final Setting<Double> INPUT_LEN_SPREAD = of(
            "inputLenSpread",
            SettingType.REAL,
            0.0,
            "SHARE",
            "share by which prompt lengths vary; 0.5: uniform from 0.5 to 1.5 times --input-len");
    public static final Setting<Integer> OUTPUT_LEN = whole("outputLen", 128, "tokens to generate per prompt");
    public static final Setting<Integer> MAX_CONCURRENCY =
            whole("maxConcurrency", 0, "most requests in the engine at once; 0: as many as it takes");
    public static final Setting<Integer> WARMUP =
            whole("warmup", 1, "short rounds before the first measured round: one batch, few output tokens");
    public static final Setting<Integer> REPEAT = whole("repeat", 3, "measured rounds; the median is reported");
    public static final Setting<Long> SEED =
            of("seed", SettingType.LONG, 0L, "N", "seed of the prompts' lengths and tokens");

    public static final Setting<Boolean> SKIP_SUMS = of(
            "skipSums",
            SettingType.SWITCH,
            false,
            "",
            "leave out all-reduces, to measure the bound without communication");

    private static final List<Setting<?>> OWN = List.of(
            NUM_PROMPTS, INPUT_LEN, INPUT_LEN_SPREAD, OUTPUT_LEN, MAX_CONCURRENCY, WARMUP, REPEAT, SEED, SKIP_SUMS);

    private BenchSettings() {}

    /** Every setting of a benchmark, in the order of help. */
    public static List<Setting<?>> all() {
        return Stream.of(shared(SettingGroup.MODEL), OWN.stream(), shared(SettingGroup.ENGINE))
                .flatMap(settings -> settings)
                .toList();
    }

    /** Those that are of a benchmark alone. */
    public static List<Setting<?>> own() {
        return OWN;
    }

    private static Stream<Setting<?>> shared(SettingGroup group) {
        return Settings.all().stream().filter(setting -> setting.group() == group);
    }

    private static Setting<Integer> whole(String name, int value, String help) {
        return of(name, SettingType.INTEGER, value, "N", help);
    }

    private static <T> Setting<T> of(String name, SettingType<T> type, T value, String placeholder, String help) {
        return new Setting<>(name, type, Optional.of(value), placeholder, help, WORKLOAD, List.of(), OutputEffect.NONE);
    }
}
