package nighttrain.jobs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import nighttrain.io.UserError;

/** The file of {@code --config}: YAML, one {@code setting: value} a line, named as in {@code spark.nighttrain.<setting>}. */
final class SettingsFile {
    private SettingsFile() {}

    /** Setting to value, in the file's order; lists are joined by commas, as on the command line. */
    static Map<String, String> read(Path file) {
        JsonNode root = parse(file);
        Map<String, String> values = new LinkedHashMap<>();
        if (root.isMissingNode() || root.isNull()) {
            return values; // every line a comment
        }
        if (!root.isObject()) {
            throw notSettings(file, root);
        }
        root.properties().forEach(property -> values.put(property.getKey(), value(file, property.getKey(), property.getValue())));
        return values;
    }

    private static JsonNode parse(Path file) {
        try {
            return new YAMLMapper().readTree(Files.readString(file));
        } catch (JsonProcessingException e) {
            String where = e.getLocation() == null ? "" : " line " + e.getLocation().getLineNr();
            throw UserError.of("cannot read the settings file", file + where, "YAML, one \"setting: value\" a line; mend that line", e);
        } catch (IOException e) {
            throw UserError.of("cannot read the settings file", file, "a readable YAML file; check the path given to --config", e);
        }
    }

    private static String value(Path file, String setting, JsonNode value) {
        if (value.isValueNode() && !value.isNull()) {
            return value.asText();
        }
        if (value.isArray()) {
            return StreamSupport.stream(value.spliterator(), false)
                    .map(JsonNode::asText)
                    .collect(Collectors.joining(","));
        }
        throw UserError.of(
                "bad value of " + setting + " in " + file, value, "a text, a number, true or false, or a list of these; mend the file");
    }

    private static UserError notSettings(Path file, JsonNode root) {
        return UserError.of(
                "cannot read the settings file", file, "YAML, one \"setting: value\" a line; found " + root.getNodeType());
    }
}
