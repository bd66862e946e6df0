package nighttrain.pipeline.sql;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import nighttrain.io.UserError;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.read.PromptColumns;
import nighttrain.pipeline.row.RowKind.PromptForm;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.SettingValues.SettingNames;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Concat;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenContext;
import org.apache.spark.sql.catalyst.expressions.codegen.ExprCode;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import scala.collection.JavaConverters;

/**
 * The expression {@code llm_generate(text, options)}, or a sibling of it, in a query. It cannot be evaluated: {@link ExtractCalls} replaces
 * it by a {@link CallModel} before Spark optimises the query, so that no rule of Spark copies a call.
 */
final class ModelCall extends Expression {
    private static final long serialVersionUID = 1L;
    /** Schema of the table that prompts are made of. */
    private static final StructType TEXT = new StructType().add("text", DataTypes.StringType);

    private static final String OPTIONS = "options are names and values as text; write map('max_tokens', '32')";

    private final Expression prompt;
    private final Asked asked;
    private final String field;

    /**
     * A call's function, settings and engines.
     *
     * @param function the function
     * @param settings those settings of a job that a call can use
     * @param engines opens the engine
     */
    record Asked(ModelFunction function, SettingValues settings, EngineFactory engines) {
        GenerateOptions options() {
            return GenerateOptions.of(settings);
        }

        /** Returns the name of the result field that the short form of the function returns. */
        String field() {
            boolean several = function == ModelFunction.LABEL && settings.get(Settings.MULTI);
            return several ? "labels" : function.type().fieldNames()[0];
        }

        /** Returns how prompts are made, for row kinds that make prompts of their own. */
        PromptForm form() {
            return PromptColumns.of(TEXT, options().prompts());
        }
    }

    /** {@code field}: the result field that is the call's value; null for all fields. */
    private ModelCall(Expression prompt, Asked asked, String field) {
        this.prompt = prompt;
        this.asked = asked;
        this.field = field;
    }

    /**
     * Makes a call from the arguments in the query.
     *
     * @param whole whether its value is the whole result
     * @throws UserError for invalid arguments
     */
    static ModelCall of(ModelFunction function, boolean whole, List<Expression> arguments, EngineFactory engines) {
        try {
            return checked(function, whole, arguments, engines);
        } catch (UserError wrong) {
            throw SettingNames.in(wrong);
        }
    }

    private static ModelCall checked(
            ModelFunction function, boolean whole, List<Expression> arguments, EngineFactory engines) {
        int options = function == ModelFunction.LABEL ? 2 : 1;
        if (arguments.size() < options || arguments.size() > options + 1) {
            throw UserError.of(
                    "wrong number of arguments",
                    function.sqlName() + " with " + arguments.size(),
                    (options == 2 ? "they are a text, an array of labels" : "they are a text")
                            + " and a map of options; leave out the options if you need none");
        }
        SettingValues settings = ofTheSession(function);
        if (arguments.size() > options) {
            for (Map.Entry<Setting<?>, String> option :
                    options(function, arguments.get(options)).entrySet()) {
                settings = settings.set(option.getKey(), option.getValue());
            }
        }
        if (function == ModelFunction.LABEL) {
            settings = settings.with(Settings.LABELS, labels(arguments.get(1)));
        }
        if (!settings.isSet(Settings.PROMPT_TEXT) && !settings.isSet(Settings.PROMPT_FILE)) {
            settings = settings.with(Settings.PROMPT_COLUMN, "text");
        }
        // Options require an output path; nothing is written to it.
        Asked asked = new Asked(function, settings.with(Settings.OUTPUT_PATH, "none"), engines);
        return new ModelCall(prompt(asked.options(), arguments.get(0)), asked, whole ? null : asked.field());
    }

    private static SettingValues ofTheSession(ModelFunction function) {
        SQLConf session = SQLConf.get();
        SettingValues.refuseUnknown(
                JavaConverters.mapAsJavaMap(session.getAllConfs()).keySet());
        return SettingValues.of(
                key -> takes(function, key) ? Optional.ofNullable(session.getConfString(key, null)) : Optional.empty());
    }

    private static boolean takes(ModelFunction function, String confKey) {
        return Settings.find(confKey.substring(Setting.CONF_PREFIX.length()))
                .filter(function::takes)
                .isPresent();
    }

    /** Returns the prompt's expression; its value is null where the text is null. */
    private static Expression prompt(GenerateOptions options, Expression text) {
        if (!(text.dataType() instanceof StringType)) {
            throw UserError.of(
                    "wrong type of argument",
                    text.sql() + " is " + text.dataType().simpleString(),
                    "a prompt is text; write CAST(... AS STRING)");
        }
        return PromptColumns.of(TEXT, options.prompts())
                .template()
                .<Expression>map(template -> new Concat(Scala.list(template.parts().stream()
                        .map(part -> part.isColumn() ? text : Literal.create(part.text(), DataTypes.StringType))
                        .toList())))
                .orElse(text);
    }

    private static Map<Setting<?>, String> options(ModelFunction function, Expression argument) {
        if (!(value(argument) instanceof MapData map) || !(argument.dataType() instanceof MapType type)) {
            throw UserError.of("bad options of " + function.sqlName(), argument.sql(), OPTIONS);
        }
        Map<Setting<?>, String> options = new LinkedHashMap<>();
        for (int i = 0; i < map.numElements(); i++) {
            String name = String.valueOf(map.keyArray().get(i, type.keyType()));
            Setting<?> setting = Settings.ofOption(name);
            if (!function.takes(setting)) {
                throw UserError.of(
                        "option has no use here",
                        name,
                        "a call of " + function.sqlName()
                                + " has a text, and returns one value a row; leave it out, or use format(\"nighttrain\")");
            }
            if (map.valueArray().isNullAt(i)) {
                throw UserError.of("bad options", name + " is null", OPTIONS + ", or leave it out");
            }
            if (options.put(setting, String.valueOf(map.valueArray().get(i, type.valueType()))) != null) {
                throw Settings.givenTwice(setting);
            }
        }
        return options;
    }

    private static List<String> labels(Expression argument) {
        if (!(value(argument) instanceof ArrayData array)
                || !(argument.dataType() instanceof ArrayType type)
                || !(type.elementType() instanceof StringType)) {
            throw UserError.of(
                    "bad labels", argument.sql(), "labels are texts that no row changes; write array('a', 'b')");
        }
        List<String> labels = new ArrayList<>();
        for (int i = 0; i < array.numElements(); i++) {
            UTF8String label = array.isNullAt(i) ? UTF8String.EMPTY_UTF8 : array.getUTF8String(i);
            if (label.toString().contains(",") || !label.toString().strip().equals(label.toString())) {
                throw UserError.of(
                        "bad labels",
                        "'" + label + "'",
                        "a label here has no comma, and no space at its ends; use format(\"nighttrain\") with labelsFile");
            }
            labels.add(label.toString());
        }
        return labels;
    }

    /** Returns the value of an argument that is the same for all rows; null for other arguments. */
    private static Object value(Expression argument) {
        try {
            return argument.foldable() ? argument.eval(InternalRow.empty()) : null;
        } catch (ArithmeticException | IllegalArgumentException mixed) {
            // Spark casts texts to numbers if a map has both.
            throw UserError.of("bad options", argument.sql(), OPTIONS, mixed);
        }
    }

    Asked asked() {
        return asked;
    }

    /** Returns the same call with all fields of the result. */
    ModelCall whole() {
        return new ModelCall(prompt, asked, null);
    }

    /** Returns the result field that is the call's value; null for all fields. */
    String field() {
        return field;
    }

    @Override
    public DataType dataType() {
        StructType type = asked.function().type();
        return field == null ? type : type.apply(field).dataType();
    }

    /** Returns the expression of the prompt's text. */
    Expression prompt() {
        return prompt;
    }

    @Override
    public scala.collection.immutable.List<Expression> children() {
        return Scala.list(List.of(prompt));
    }

    @SuppressWarnings("MissingOverride") // overrides in Scala 2.13 only
    public ModelCall withNewChildrenInternal(scala.collection.immutable.IndexedSeq<Expression> children) {
        return new ModelCall(children.head(), asked, field);
    }

    @SuppressWarnings("MissingOverride") // overrides in Scala 2.12 only
    public ModelCall withNewChildrenInternal(scala.collection.IndexedSeq<Expression> children) {
        return new ModelCall(children.head(), asked, field);
    }

    /** Returns false: a call is never evaluated before the query runs, even if its text is constant. */
    @Override
    public boolean foldable() {
        return false;
    }

    @Override
    public boolean nullable() {
        return true;
    }

    @Override
    public Object eval(InternalRow row) {
        throw noPlace();
    }

    @Override
    public ExprCode doGenCode(CodegenContext context, ExprCode code) {
        throw noPlace();
    }

    /** Returns the error for a call in a place where no operator can be put. */
    UserError noPlace() {
        return UserError.of(
                "no place for a call of the model",
                sql(),
                "an expression that Spark computes by itself; write it in a SELECT over a table, and use its column");
    }

    @Override
    public String prettyName() {
        return asked.function().sqlName() + (field == null ? "_result" : "");
    }

    /** Returns the name of an unnamed column with this call. */
    @Override
    public String sql() {
        return prettyName() + "(" + prompt.sql() + ")";
    }

    /** Returns the text for {@code EXPLAIN}, with the settings that were set. */
    @Override
    public String toString() {
        Set<String> own = Set.of(Settings.OUTPUT_PATH.name(), Settings.PROMPT_COLUMN.name());
        String settings = asked.settings().asSparkConf().entrySet().stream()
                .map(each -> Map.entry(each.getKey().substring(Setting.CONF_PREFIX.length()), each.getValue()))
                .filter(each -> !own.contains(each.getKey()))
                .map(each -> ", " + each.getKey() + "=" + each.getValue())
                .collect(Collectors.joining());
        return prettyName() + "(" + prompt + settings + ")";
    }

    @Override
    public int productArity() {
        return 3;
    }

    @Override
    public Object productElement(int n) {
        return n == 0 ? prompt : n == 1 ? asked : field;
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof ModelCall;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ModelCall call
                && call.prompt.equals(prompt)
                && call.asked.equals(asked)
                && Objects.equals(call.field, field);
    }

    @Override
    public int hashCode() {
        return Objects.hash(prompt, asked, field);
    }
}
