package nighttrain.jobs.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingType;
import nighttrain.pipeline.settings.SettingType.Shape;
import nighttrain.pipeline.settings.Settings;

/** The file of {@code --config}: YAML, one {@code setting: value} a line, named as in {@code spark.nighttrain.<setting>}. */
public final class SettingsFile {
    private static final String FORM = "YAML, one \"setting: value\" a line";

    /** Settings whose value is JSON, which the file may write as YAML. */
    private static final Set<String> JSON = Set.of(Settings.JSON_SCHEMA.name(), Settings.CHAT_TEMPLATE_ARGS.name());

    private static final Set<SettingType<?>> NUMBERS = Set.of(SettingType.INTEGER, SettingType.LONG, SettingType.REAL);

    private SettingsFile() {}

    /** Returns setting to value (text, or a list of texts), in the file's order. */
    public static Map<String, Object> read(Path file) {
        YamlFile yaml = new YamlFile(file, "settings file", FORM);
        JsonNode root = yaml.read();
        Map<String, Object> values = new LinkedHashMap<>();
        if (root.isMissingNode() || root.isNull()) {
            return values; // every line is a comment
        }
        if (!root.isObject()) {
            throw yaml.unreadable(FORM + "; found " + root.getNodeType(), null);
        }
        JsonNode texts = yaml.readTexts();
        for (Map.Entry<String, JsonNode> entry : root.properties()) {
            String setting = entry.getKey();
            JsonNode value = entry.getValue();
            values.put(setting, value(file, setting, value, isTyped(setting, value) ? value : texts.get(setting)));
        }
        return values;
    }

    /** Whether YAML's types apply to a value: elsewhere {@code 1.10} and {@code yes} are texts, such as labels. */
    private static boolean isTyped(String setting, JsonNode value) {
        SettingType<?> type = Settings.find(setting).map(Setting::type).orElse(null);
        return value.isObject() || (type != null && (type.shape() == Shape.SWITCH || NUMBERS.contains(type)));
    }

    private static Object value(Path file, String setting, JsonNode yaml, JsonNode value) {
        if (value.isArray() && StreamSupport.stream(value.spliterator(), false).allMatch(SettingsFile::isScalar)) {
            return StreamSupport.stream(value.spliterator(), false)
                    .map(JsonNode::asText)
                    .toList();
        }
        if (isScalar(value)) {
            return value.asText();
        }
        if (value.isObject() && JSON.contains(setting)) {
            return value.toString();
        }
        throw UserError.of(
                "bad value of " + setting + " in " + file,
                yaml,
                "text, a number, true, false, or a list of these; mend it");
    }

    private static boolean isScalar(JsonNode value) {
        return value.isValueNode() && !value.isNull();
    }
}
