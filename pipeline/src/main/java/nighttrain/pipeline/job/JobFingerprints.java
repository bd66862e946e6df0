package nighttrain.pipeline.job;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.OutputEffect;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;

/** Makes the fingerprints of generation jobs. */
public final class JobFingerprints {
    private JobFingerprints() {}

    /**
     * Returns the fingerprint of a job.
     *
     * @param model the model's own fingerprint
     * @param input identity of the input's content
     * @param prompts where prompts come from
     * @param contextTokens limit of prompt plus output
     */
    public static Fingerprint of(
            GenerateOptions options, String model, String input, String prompts, int contextTokens) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("model", model);
        facts.put("input", input);
        facts.put("prompt", prompts);
        facts.put("max-model-len", String.valueOf(contextTokens));
        facts.putAll(facts(options.settings()));
        // These facts are present only where given, so that a job of an earlier version can be resumed.
        options.prompts().chat().template().ifPresent(text -> facts.put("chat-template", text));
        options.constraint().ifPresent(constraint -> facts.put("constraint", constraint.hash()));
        facts.putAll(options.input().kind().facts());
        return new Fingerprint(facts);
    }

    /**
     * Returns the fingerprint of an earlier version's job, completed by the defaults of settings that did not exist then: defaults have no
     * effect.
     */
    public static Fingerprint completed(Fingerprint earlier) {
        Map<String, String> facts = new LinkedHashMap<>(earlier.facts());
        facts(SettingValues.none()).forEach(facts::putIfAbsent);
        return new Fingerprint(facts);
    }

    private static Map<String, String> facts(SettingValues values) {
        Map<String, String> facts = new LinkedHashMap<>();
        for (Setting<?> setting : Settings.all()) {
            if (setting.effect() == OutputEffect.BY_VALUE
                    || (setting.effect() == OutputEffect.BY_OTHER_VALUE && isOther(values, setting))) {
                facts.put(setting.option().substring(2), value(values, setting));
            }
        }
        return facts;
    }

    private static <T> boolean isOther(SettingValues values, Setting<T> setting) {
        return !values.find(setting).equals(setting.defaultValue());
    }

    private static <T> String value(SettingValues values, Setting<T> setting) {
        Optional<T> value = values.find(setting);
        return value.map(setting::print).orElse("none");
    }
}
