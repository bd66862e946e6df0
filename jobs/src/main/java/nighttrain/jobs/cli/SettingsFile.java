package nighttrain.jobs.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Settings;

/** The file of {@code --config}: YAML, one {@code setting: value} a line, named as in {@code spark.nighttrain.<setting>}. */
public final class SettingsFile {
    private static final String FORM = "YAML, one \"setting: value\" a line";

    /** Settings whose value is JSON, which the file may write as YAML. */
    private static final Set<String> JSON = Set.of(Settings.JSON_SCHEMA.name(), Settings.CHAT_TEMPLATE_ARGS.name());

    private SettingsFile() {}

    /** Returns setting to value (text, or a list of texts), in the file's order. */
    public static Map<String, Object> read(Path file) {
        YamlFile yaml = new YamlFile(file, "settings file", FORM);
        JsonNode root = yaml.readAsWritten();
        Map<String, Object> values = new LinkedHashMap<>();
        if (root.isMissingNode() || root.isNull()) {
            return values; // every line is a comment
        }
        if (!root.isObject()) {
            throw yaml.unreadable(FORM + "; found " + root.getNodeType(), null);
        }
        for (Map.Entry<String, JsonNode> entry : root.properties()) {
            boolean isJson = entry.getValue().isObject() && JSON.contains(entry.getKey());
            values.put(
                    entry.getKey(),
                    isJson
                            ? yaml.read().get(entry.getKey()).toString()
                            : value(file, entry.getKey(), entry.getValue()));
        }
        return values;
    }

    private static Object value(Path file, String setting, JsonNode value) {
        if (value.isArray() && StreamSupport.stream(value.spliterator(), false).allMatch(SettingsFile::isScalar)) {
            return StreamSupport.stream(value.spliterator(), false)
                    .map(JsonNode::asText)
                    .toList();
        }
        if (isScalar(value)) {
            return value.asText();
        }
        throw UserError.of(
                "bad value of " + setting + " in " + file,
                value,
                "text, a number, true, false, or a list of these; mend it, and write a text with braces in quotes");
    }

    private static boolean isScalar(JsonNode value) {
        return value.isValueNode() && !value.isNull();
    }
}
