package nighttrain.pipeline.settings;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.pipeline.label.LabelOptions;
import nighttrain.pipeline.label.LabelOptions.Example;
import nighttrain.pipeline.label.LabelOptions.Label;
import nighttrain.pipeline.label.LabelOptions.Questions;
import nighttrain.pipeline.settings.Setting.SettingGroup;

/** Reads label settings and their files. Both files are JSON: one object a line, or one array of objects. */
final class LabelSettings {
    private static final ObjectMapper JSON = new ObjectMapper().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    private static final String LABEL = "label";
    private static final String LABELS = "labels";

    private LabelSettings() {}

    /** Whether labels are set. */
    static boolean isLabelJob(SettingValues values) {
        return values.isSet(Settings.LABELS) || values.isSet(Settings.LABELS_FILE);
    }

    /** Returns the options of a label job; empty where no labels are set. */
    static Optional<LabelOptions> of(SettingValues values) {
        if (!isLabelJob(values)) {
            refuseUnused(values);
            return Optional.empty();
        }
        boolean listed = values.isSet(Settings.LABELS);
        if (listed && values.isSet(Settings.LABELS_FILE)) {
            throw UserError.of(
                    "more than one source of labels", "--labels, --labels-file", "one is allowed; leave the other out");
        }
        String format = values.get(Settings.FORMAT);
        if (format.equalsIgnoreCase("openai-batch")) {
            throw UserError.of(
                    "not with a batch file", "--labels", "each line brings its own request; give a table with texts");
        }
        boolean each = values.get(Settings.MULTI);
        if (!each && values.isSet(Settings.THRESHOLD)) {
            throw UserError.of(
                    "only with --multi",
                    "--threshold",
                    "without it the most likely label is taken; use --abstain-below");
        }
        return Optional.of(new LabelOptions(
                listed
                        ? values.get(Settings.LABELS).stream()
                                .map(name -> new Label(name, null, null))
                                .toList()
                        : labels(values.get(Settings.LABELS_FILE)),
                new Questions(each, values.get(Settings.THRESHOLD)),
                values.get(Settings.ABSTAIN_BELOW),
                values.get(Settings.CALIBRATE),
                values.get(Settings.LENGTH_NORMALISE),
                values.find(Settings.EXAMPLES).map(LabelSettings::examples).orElse(List.of()),
                values.find(Settings.GOLD).orElse(null),
                values.get(Settings.REVIEW),
                values.isSet(Settings.SYSTEM)));
    }

    /** Refuses settings that change nothing without labels. */
    private static void refuseUnused(SettingValues values) {
        Settings.all().stream()
                .filter(setting -> setting.group() == SettingGroup.LABELS)
                .filter(setting -> !values.find(setting).equals(setting.defaultValue()))
                .findFirst()
                .ifPresent(unused -> {
                    throw UserError.of(
                            "only with labels",
                            unused.option(),
                            "without --labels or --labels-file each row gets a text; give labels, or leave it out");
                });
    }

    private static List<Label> labels(String file) {
        List<Label> labels = new ArrayList<>();
        for (JsonNode line : lines(file, Settings.LABELS_FILE)) {
            for (Map.Entry<String, JsonNode> field : line.properties()) {
                if (!List.of("name", "text", "description").contains(field.getKey())
                        || !field.getValue().isTextual()) {
                    throw broken(Settings.LABELS_FILE, line, "name, text and description, each a text");
                }
            }
            if (!line.has("name")) {
                throw broken(Settings.LABELS_FILE, line, "at least a name");
            }
            labels.add(new Label(line.get("name").textValue(), text(line, "text"), text(line, "description")));
        }
        return labels;
    }

    private static List<Example> examples(String file) {
        List<Example> examples = new ArrayList<>();
        for (JsonNode line : lines(file, Settings.EXAMPLES)) {
            List<String> labels = new ArrayList<>();
            if (line.path(LABEL).isTextual()) {
                labels.add(line.get(LABEL).textValue());
            }
            line.path(LABELS).forEach(label -> labels.add(label.asText()));
            Map<String, String> columns = new LinkedHashMap<>();
            line.properties()
                    .forEach(field ->
                            columns.put(field.getKey(), field.getValue().asText()));
            boolean named = line.has(LABEL) || line.has(LABELS);
            columns.remove(LABEL);
            columns.remove(LABELS);
            if (columns.isEmpty() || !named) {
                throw broken(Settings.EXAMPLES, line, "a text, and a label or a list of labels");
            }
            examples.add(new Example(columns, labels));
        }
        return examples;
    }

    private static String text(JsonNode line, String field) {
        return line.has(field) ? line.get(field).textValue() : null;
    }

    private static List<JsonNode> lines(String file, Setting<String> setting) {
        List<JsonNode> lines = new ArrayList<>();
        String text = SettingValues.read(file, setting);
        try (MappingIterator<JsonNode> read = JSON.readerFor(JsonNode.class).readValues(text)) {
            read.forEachRemaining(lines::add);
        } catch (IOException | RuntimeException broken) {
            throw UserError.of(
                    "cannot read " + setting.option(),
                    file,
                    "lines of JSON are expected: " + firstLine(broken) + "; correct the file",
                    broken);
        }
        for (JsonNode line : lines) {
            if (!line.isObject()) {
                throw broken(setting, line, "an object with names and texts");
            }
        }
        return lines;
    }

    private static String firstLine(Exception broken) {
        return String.valueOf(broken.getMessage()).lines().findFirst().orElse("");
    }

    private static UserError broken(Setting<String> setting, JsonNode line, String expected) {
        return UserError.of("bad line in " + setting.option(), line, expected + "; correct the line");
    }
}
