package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.to_json;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import nighttrain.io.UserError;
import nighttrain.pipeline.row.RowKind.PromptForm;
import nighttrain.pipeline.settings.PromptOptions;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;

/**
 * The columns that make a prompt of an input row.
 *
 * @param prompt prompt as text; null where conversations are used
 * @param messages conversation as JSON; null where text is used
 * @param isConversation whether {@code messages} is used
 * @param needed input columns that prompts are made of
 * @param origin where prompts come from, for the fingerprint
 * @param template the text with columns in it, where there is one
 */
public record PromptColumns(
        Column prompt,
        Column messages,
        boolean isConversation,
        Set<String> needed,
        String origin,
        Optional<PromptTemplate> template)
        implements PromptForm {
    private static final String NO_MESSAGES = "a list of {role, content} or the same as JSON text";
    private static final String CONTENT = "content";

    /**
     * Finds the columns in a table.
     *
     * @throws UserError for a column that is not there or of the wrong type
     */
    public static PromptColumns of(StructType schema, PromptOptions options) {
        if (options.template().isPresent()) {
            return template(schema, options.template().get());
        }
        Optional<String> messages = options.messagesColumn();
        Optional<String> prompt = options.column();
        if (messages.isEmpty() && prompt.isEmpty()) {
            prompt = Columns.has(schema, "prompt") ? Optional.of("prompt") : prompt;
            messages = prompt.isEmpty() && Columns.has(schema, "messages") ? Optional.of("messages") : messages;
        }
        if (messages.isPresent()) {
            return messages(schema, messages.get());
        }
        return text(
                schema,
                prompt.orElseThrow(() -> UserError.of(
                        "no column called prompt or messages",
                        Columns.list(schema),
                        "the input's columns; name one by --prompt-column or --messages-column, or give --prompt")));
    }

    @Override
    public boolean isTemplate() {
        return template.isPresent();
    }

    @Override
    public String of(String text) {
        return template.map(form -> form.render(column -> text)).orElse(text);
    }

    @Override
    public String of(Map<String, String> columns) {
        String text = columns.getOrDefault("text", "");
        return template.map(form -> form.render(column -> columns.getOrDefault(column, text)))
                .orElse(text);
    }

    /** Returns the column of whole requests, which tasks parse when they compute them. */
    static PromptColumns requests(String column) {
        return new PromptColumns(
                Columns.quoted(column), none(), false, Set.of(column), "batch requests", Optional.empty());
    }

    private static PromptColumns text(StructType schema, String name) {
        DataType type = Columns.type(schema, name, "--prompt-column");
        if (!type.equals(DataTypes.StringType)) {
            throw UserError.of(
                    "wrong column type",
                    name + " is " + type.simpleString(),
                    type.equals(DataTypes.BinaryType)
                            ? "a prompt is text; name another column, or " + Columns.BINARY_IS_TEXT
                            : "a prompt is text; use --prompt \"{" + name + "}\" to write it as text,"
                                    + " or --messages-column for conversations");
        }
        return new PromptColumns(Columns.quoted(name), none(), false, Set.of(name), "column " + name, Optional.empty());
    }

    private static PromptColumns messages(StructType schema, String name) {
        DataType type = Columns.type(schema, name, "--messages-column");
        Column json = Columns.quoted(name);
        if (isConversationType(type)) {
            json = to_json(json);
        } else if (!type.equals(DataTypes.StringType)) {
            throw UserError.of(
                    "wrong column type",
                    name + " is " + type.simpleString(),
                    "a conversation is " + NO_MESSAGES + "; use --prompt-column for text");
        }
        return new PromptColumns(none(), json, true, Set.of(name), "messages " + name, Optional.empty());
    }

    private static PromptColumns template(StructType schema, String text) {
        PromptTemplate template = PromptTemplate.parse(text);
        List<String> names = template.columns();
        names.forEach(name -> Columns.type(schema, name, "--prompt"));
        return new PromptColumns(
                template.asColumn(schema),
                none(),
                false,
                new TreeSet<>(names),
                "template " + text,
                Optional.of(template));
    }

    /**
     * Whether {@link nighttrain.pipeline.row.Conversation} can read values of this type once they are JSON. The contents of maps are
     * checked row by row.
     */
    private static boolean isConversationType(DataType type) {
        return type instanceof ArrayType array
                && (isTextMap(array.elementType())
                        || (array.elementType() instanceof StructType turn && (isMessage(turn) || isShareGpt(turn))));
    }

    private static boolean isMessage(StructType turn) {
        return isText(turn, "role")
                && Columns.has(turn, CONTENT)
                && (isText(turn, CONTENT) || isParts(turn.apply(CONTENT).dataType()));
    }

    private static boolean isShareGpt(StructType turn) {
        return !Columns.has(turn, CONTENT) && isText(turn, "from") && isText(turn, "value");
    }

    private static boolean isParts(DataType type) {
        return type instanceof ArrayType parts
                && (isTextMap(parts.elementType())
                        || (parts.elementType() instanceof StructType part
                                && isText(part, "type")
                                && isText(part, "text")));
    }

    /** Whether this is a map from text to text, the type that PySpark gives to dictionaries. */
    private static boolean isTextMap(DataType type) {
        return type instanceof MapType map
                && map.keyType().equals(DataTypes.StringType)
                && map.valueType().equals(DataTypes.StringType);
    }

    private static boolean isText(StructType turn, String field) {
        return Columns.has(turn, field) && turn.apply(field).dataType().equals(DataTypes.StringType);
    }

    private static Column none() {
        return lit(null).cast(DataTypes.StringType);
    }
}
