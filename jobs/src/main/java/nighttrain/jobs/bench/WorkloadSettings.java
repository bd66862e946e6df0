package nighttrain.jobs.bench;

import static nighttrain.pipeline.settings.Setting.SettingGroup.WORKLOAD;

import java.util.List;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.OutputEffect;
import nighttrain.pipeline.settings.SettingType;

/** The settings of a round's prompts. */
public final class WorkloadSettings {
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
    public static final Setting<Long> SEED =
            of("seed", SettingType.LONG, 0L, "N", "seed of the prompts' lengths and tokens");

    private WorkloadSettings() {}

    static Setting<Integer> whole(String name, int value, String help) {
        return of(name, SettingType.INTEGER, value, "N", help);
    }

    static <T> Setting<T> of(String name, SettingType<T> type, T value, String placeholder, String help) {
        return new Setting<>(name, type, Optional.of(value), placeholder, help, WORKLOAD, List.of(), OutputEffect.NONE);
    }

    static void atLeast(int least, int value, Setting<Integer> setting) {
        if (value < least) {
            String otherwise = setting.defaultValue().map(setting::print).orElseThrow();
            throw UserError.of(
                    "bad value of " + setting.option(), value, "at least " + least + "; leave it out for " + otherwise);
        }
    }
}
