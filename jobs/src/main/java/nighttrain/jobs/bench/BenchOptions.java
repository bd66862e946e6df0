package nighttrain.jobs.bench;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.EngineConfig;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;

/**
 * A benchmark: what was set, typed and checked.
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
    public BenchOptions {
        RandomWorkload.atLeast(0, warmUpRounds, BenchSettings.WARMUP);
        RandomWorkload.atLeast(1, rounds, BenchSettings.REPEAT);
    }

    /**
     * Types and checks what was set.
     *
     * @param given values by the names of {@link BenchSettings#all}
     * @throws nighttrain.io.UserError for anything missing, contradictory or out of range
     */
    public static BenchOptions of(Map<String, Object> given) {
        Map<String, Object> shared = new LinkedHashMap<>(given);
        BenchSettings.own().forEach(setting -> shared.remove(setting.name()));
        SettingValues values = SettingValues.resolve(shared, key -> Optional.empty(), Map.of());
        GenerateOptions.checkPrecision(values);
        return new BenchOptions(
                texts(given, values),
                Path.of(values.get(Settings.MODEL)),
                values.get(Settings.LOAD_FORMAT) == LoadFormat.DUMMY,
                engine(values, own(given, BenchSettings.SKIP_SUMS)),
                new RandomWorkload(
                        own(given, BenchSettings.NUM_PROMPTS),
                        own(given, BenchSettings.INPUT_LEN),
                        own(given, BenchSettings.INPUT_LEN_SPREAD),
                        own(given, BenchSettings.OUTPUT_LEN),
                        own(given, BenchSettings.MAX_CONCURRENCY),
                        own(given, BenchSettings.SEED)),
                own(given, BenchSettings.WARMUP),
                own(given, BenchSettings.REPEAT));
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
        for (Setting<?> setting : BenchSettings.all()) {
            texts.put(
                    setting.name(),
                    BenchSettings.own().contains(setting) ? text(given, setting) : sharedTexts.get(setting.name()));
        }
        return texts;
    }

    private static <T> String text(Map<String, Object> given, Setting<T> setting) {
        return setting.print(own(given, setting));
    }
}
