package nighttrain.jobs.bench;

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
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.SettingType;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;

/**
 * The typed and checked settings of a benchmark.
 *
 * @param settings every setting as text, defaults included, for the record
 * @param model checkpoint directory
 * @param dummyWeights random weights instead of the checkpoint's
 * @param engine settings of the engine
 * @param workload prompts and outputs of each round
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
    public static final Setting<Integer> WARMUP = WorkloadSettings.whole(
            "warmup", 1, "short rounds before the first measured round: one batch, few output tokens");
    public static final Setting<Integer> REPEAT =
            WorkloadSettings.whole("repeat", 3, "measured rounds; the median is reported");
    public static final Setting<Boolean> SKIP_SUMS = WorkloadSettings.of(
            "skipSums",
            SettingType.SWITCH,
            false,
            "",
            "leave out all-reduces, to measure the bound without communication");

    private static final List<Setting<?>> OWN = List.of(
            WorkloadSettings.NUM_PROMPTS,
            WorkloadSettings.INPUT_LEN,
            WorkloadSettings.INPUT_LEN_SPREAD,
            WorkloadSettings.OUTPUT_LEN,
            WorkloadSettings.MAX_CONCURRENCY,
            WARMUP,
            REPEAT,
            WorkloadSettings.SEED,
            SKIP_SUMS);

    /** Returns every setting of a benchmark, in the order of the help text. */
    public static List<Setting<?>> all() {
        return Stream.of(shared(SettingGroup.MODEL), OWN.stream(), shared(SettingGroup.ENGINE))
                .flatMap(settings -> settings)
                .toList();
    }

    /** Returns the settings that only a benchmark has. */
    public static List<Setting<?>> own() {
        return OWN;
    }

    private static Stream<Setting<?>> shared(SettingGroup group) {
        return Settings.all().stream().filter(setting -> setting.group() == group);
    }

    public BenchOptions {
        WorkloadSettings.atLeast(0, warmUpRounds, WARMUP);
        WorkloadSettings.atLeast(1, rounds, REPEAT);
    }

    /**
     * Types and checks the given settings.
     *
     * @param given values by the names in {@link #all}
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
                        own(given, WorkloadSettings.NUM_PROMPTS),
                        own(given, WorkloadSettings.INPUT_LEN),
                        own(given, WorkloadSettings.INPUT_LEN_SPREAD),
                        own(given, WorkloadSettings.OUTPUT_LEN),
                        own(given, WorkloadSettings.MAX_CONCURRENCY),
                        own(given, WorkloadSettings.SEED)),
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
