package nighttrain.pipeline.job;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;

/** Fingerprints of generation jobs. */
public final class JobFingerprints {
    private static final List<Setting<?>> TELLING = List.of(
            Settings.LOAD_FORMAT,
            Settings.ID_COLUMN,
            Settings.LIMIT,
            Settings.SYSTEM,
            Settings.TRUNCATE,
            Settings.MAX_TOKENS,
            Settings.TEMPERATURE,
            Settings.TOP_P,
            Settings.TOP_K,
            Settings.MIN_P,
            Settings.REPETITION_PENALTY,
            Settings.PRESENCE_PENALTY,
            Settings.FREQUENCY_PENALTY,
            Settings.SEED,
            Settings.STOP,
            Settings.SAMPLES,
            Settings.LOGPROBS,
            Settings.PROMPT_LOGPROBS,
            Settings.IGNORE_EOS,
            Settings.KEEP_COLUMNS,
            Settings.TOKEN_IDS);

    private JobFingerprints() {}

    /**
     * That of a job.
     *
     * @param model the model's own fingerprint
     * @param input names the input's content
     * @param prompts where prompts come from
     * @param contextTokens longest prompt plus output
     */
    public static Fingerprint of(
            GenerateOptions options, String model, String input, String prompts, int contextTokens) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("model", model);
        facts.put("input", input);
        facts.put("prompt", prompts);
        facts.put("max-model-len", String.valueOf(contextTokens));
        for (Setting<?> setting : TELLING) {
            facts.put(setting.option().substring(2), value(options.settings(), setting));
        }
        return new Fingerprint(facts);
    }

    private static <T> String value(SettingValues values, Setting<T> setting) {
        Optional<T> value = values.find(setting);
        return value.map(setting::print).orElse("none");
    }
}
