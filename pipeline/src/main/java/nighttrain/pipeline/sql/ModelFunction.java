package nighttrain.pipeline.sql;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayBasedMapData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** The SQL functions that call a model: which settings each takes, and which value it makes of a result. */
enum ModelFunction {
    /** Generates text. */
    GENERATE(
            SettingGroup.SAMPLING,
            Set.of(
                    Settings.SAMPLES,
                    Settings.DEDUP,
                    Settings.LOGPROBS,
                    Settings.PROMPT_LOGPROBS,
                    Settings.LOGPROBS_BEFORE_CONSTRAINT),
            new StructType().add("text", DataTypes.StringType).add("finish_reason", DataTypes.StringType)) {
        @Override
        Object[] own(ResultRow row) {
            return new Object[] {utf8(row.text()), utf8(row.finishReason())};
        }
    },
    /** Returns the most likely label, or with {@code multi} the labels that reach the threshold. */
    LABEL(
            SettingGroup.LABELS,
            Set.of(Settings.LABELS, Settings.LABELS_FILE, Settings.GOLD, Settings.REVIEW),
            new StructType()
                    .add("label", DataTypes.StringType)
                    .add("labels", DataTypes.createArrayType(DataTypes.StringType))
                    .add("confidence", DataTypes.DoubleType)
                    .add("margin", DataTypes.DoubleType)
                    .add("probabilities", DataTypes.createMapType(DataTypes.StringType, DataTypes.DoubleType))
                    .add("label_error", DataTypes.StringType)) {
        @Override
        Object[] own(ResultRow row) {
            JsonNode answer = json(row.answer());
            return new Object[] {
                text(answer.path("label")),
                texts(answer.path("labels")),
                number(answer.path("confidence")),
                number(answer.path("margin")),
                numbers(answer.path("probabilities")),
                text(answer.path("label_error"))
            };
        }
    };

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<SettingGroup> OF_ALL =
            Set.of(SettingGroup.MODEL, SettingGroup.PROMPT, SettingGroup.ENGINE);
    /** Settings that the first argument replaces. */
    private static final Set<Setting<?>> OF_THE_TEXT = Set.of(Settings.PROMPT_COLUMN, Settings.MESSAGES_COLUMN);

    private final SettingGroup group;
    private final Set<Setting<?>> without;
    private final StructType type;

    ModelFunction(SettingGroup group, Set<Setting<?>> without, StructType own) {
        this.group = group;
        this.without = without;
        this.type = own.add("prompt_tokens", DataTypes.IntegerType)
                .add("output_tokens", DataTypes.IntegerType)
                .add("error", DataTypes.StringType)
                .add("error_message", DataTypes.StringType);
    }

    /** Returns the function's name in SQL; the form with the suffix {@code _result} returns the whole {@link #type}. */
    String sqlName() {
        return "llm_" + name().toLowerCase(Locale.ROOT);
    }

    /** Whether a call can use the setting. */
    boolean takes(Setting<?> setting) {
        return (OF_ALL.contains(setting.group()) || setting.group() == group)
                && !without.contains(setting)
                && !OF_THE_TEXT.contains(setting);
    }

    /** Returns the type of the whole result. */
    StructType type() {
        return type;
    }

    /** Returns a result as a value of {@link #type}. */
    InternalRow of(ResultRow row) {
        List<Object> values = new ArrayList<>(Arrays.asList(own(row)));
        values.add(row.promptTokens());
        values.add(row.outputTokens());
        values.add(utf8(row.error()));
        values.add(utf8(row.errorMessage()));
        return new GenericInternalRow(values.toArray());
    }

    /** Returns the function's own values, which precede those that all functions have. */
    abstract Object[] own(ResultRow row);

    private static JsonNode json(String answer) {
        try {
            return answer == null ? JSON.missingNode() : JSON.readTree(answer);
        } catch (JsonProcessingException impossible) {
            throw new UncheckedIOException(impossible); // Night Train wrote it
        }
    }

    private static UTF8String utf8(String text) {
        return UTF8String.fromString(text);
    }

    private static UTF8String text(JsonNode node) {
        return node.isTextual() ? utf8(node.textValue()) : null;
    }

    private static Double number(JsonNode node) {
        return node.isNumber() ? node.doubleValue() : null;
    }

    private static GenericArrayData texts(JsonNode node) {
        if (!node.isArray()) {
            return null;
        }
        List<Object> texts = new ArrayList<>();
        node.forEach(each -> texts.add(text(each)));
        return new GenericArrayData(texts.toArray());
    }

    private static ArrayBasedMapData numbers(JsonNode node) {
        if (!node.isObject()) {
            return null;
        }
        List<Object> keys = new ArrayList<>();
        List<Object> values = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            keys.add(utf8(entry.getKey()));
            values.add(number(entry.getValue()));
        }
        return new ArrayBasedMapData(new GenericArrayData(keys.toArray()), new GenericArrayData(values.toArray()));
    }
}
