package nighttrain.jobs.bench;

import static nighttrain.pipeline.settings.Setting.SettingGroup.WORKLOAD;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.EngineConfig;
import nighttrain.jobs.bench.Workload.RandomWorkload;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.OutputEffect;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.SettingType;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;

/**
 * A benchmark: what can be set of it, and what was set, typed and checked.
 *
 * @param settings every setting as text, defaults included, for the record
 * @param model checkpoint directory
 * @param dummyWeights random weights instead of the checkpoint's
 * @param engine what is asked of the engine
 * @param workload what is asked in each round
 * @param warmUpRounds short rounds before the first measured one
 * @param rounds measured rounds
 */
public record BenchOptions(
        Map<String, String> settings,
        Path model,
        boolean dummyWeights,
        EngineConfig engine,
        RandomWorkload workload,
        int warmUpRounds,
        int rounds) {
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

    public BenchOptions {
        RandomWorkload.atLeast(0, warmUpRounds, WARMUP);
        RandomWorkload.atLeast(1, rounds, REPEAT);
    }

    /**
     * Types and checks what was set.
     *
     * @param given values by the names of {@link #all}
     * @throws nighttrain.io.UserError for anything missing, contradictory or out of range
     */
    public static BenchOptions of(Map<String, Object> given) {
        Map<String, Object> shared = new LinkedHashMap<>(given);
        own().forEach(setting -> shared.remove(setting.name()));
        SettingValues values = SettingValues.resolve(shared, key -> Optional.empty(), Map.of());
        GenerateOptions.checkPrecision(values);
        return new BenchOptions(
                texts(given, values),
                Path.of(values.get(Settings.MODEL)),
                values.get(Settings.LOAD_FORMAT) == LoadFormat.DUMMY,
                engine(values, own(given, SKIP_SUMS)),
                new RandomWorkload(
                        own(given, NUM_PROMPTS),
                        own(given, INPUT_LEN),
                        own(given, INPUT_LEN_SPREAD),
                        own(given, OUTPUT_LEN),
                        own(given, MAX_CONCURRENCY),
                        own(given, SEED)),
                own(given, WARMUP),
                own(given, REPEAT));
    }

    private static EngineConfig engine(SettingValues values, boolean skipSums) {
        EngineConfig asked = GenerateOptions.engine(values);
        return skipSums ? asked.with(asked.gpu().withoutAllReduce()) : asked;
    }

    private static <T> T own(Map<String, Object> given, Setting<T> setting) {
        return Optional.ofNullable(given.get(setting.name()))
                .map(value -> setting.parse(value.toString()))
                .or(setting::defaultValue)
                .orElseThrow();
    }

    private static Map<String, String> texts(Map<String, Object> given, SettingValues shared) {
        Map<String, String> sharedTexts = shared.asText();
        Map<String, String> texts = new LinkedHashMap<>();
        for (Setting<?> setting : all()) {
            texts.put(setting.name(), own().contains(setting) ? text(given, setting) : sharedTexts.get(setting.name()));
        }
        return texts;
    }

    private static <T> String text(Map<String, Object> given, Setting<T> setting) {
        return setting.print(own(given, setting));
    }
}
