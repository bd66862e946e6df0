package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.udf;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.constraint.JsonType;
import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Makes the column {@code parsed} of a job with {@code --json-schema}: the values of its texts in the types of the schema. Spark's
 * from_json accepts no scalar, and changes values that are kept as JSON, so this class parses the texts itself. The column is null where
 * the row failed, and where a line of a batch file has a response format of its own that does not fit.
 */
final class ParsedColumn {
    static final String NAME = "parsed";

    private static final JsonFactory JSON = new JsonFactory();

    private ParsedColumn() {}

    /** Returns the column over merged rows; empty if the job has no schema. */
    static Optional<Column> of(GenerateOptions options) {
        return options.constraint()
                .filter(Constraint.JsonSchema.class::isInstance)
                .map(schema -> JsonType.of((Constraint.JsonSchema) schema))
                .map(type -> udf((UDF1<String, Object>) text -> value(text, type), type(type))
                        .apply(coalesce(col("answer"), col("text"))));
    }

    /** Returns Spark's type for a JSON type. */
    static DataType type(JsonType type) {
        if (type instanceof JsonType.Struct struct) {
            StructType fields = new StructType();
            for (var property : struct.properties().entrySet()) {
                fields = fields.add(property.getKey(), type(property.getValue()));
            }
            return fields;
        }
        if (type instanceof JsonType.Items list) {
            return DataTypes.createArrayType(type(list.item()));
        }
        return switch ((JsonType.Scalar) type) {
            case TEXT, JSON -> DataTypes.StringType;
            case LONG -> DataTypes.LongType;
            case DOUBLE -> DataTypes.DoubleType;
            case BOOLEAN -> DataTypes.BooleanType;
        };
    }

    /** Returns a text's value as Spark represents it; null if the text is not of this type. */
    static Object value(String text, JsonType type) {
        if (text == null) {
            return null;
        }
        try (JsonParser parser = JSON.createParser(text)) {
            parser.nextToken();
            Object value = new Reader(text, parser).value(type);
            return parser.nextToken() == null ? value : null;
        } catch (IOException | Unfit otherwise) {
            return null;
        }
    }

    /** A value is not of the expected type. */
    private static final class Unfit extends Exception {
        private static final long serialVersionUID = 1L;

        Unfit() {
            super(null, null, false, false);
        }
    }

    private record Reader(String text, JsonParser parser) {
        /** Returns the value that begins at the parser's token, and leaves the parser at the value's last token. */
        Object value(JsonType type) throws IOException, Unfit {
            JsonToken token = parser.currentToken();
            if (token == JsonToken.VALUE_NULL) {
                return null;
            }
            if (type instanceof JsonType.Struct struct) {
                expect(token == JsonToken.START_OBJECT);
                return struct(struct);
            }
            if (type instanceof JsonType.Items list) {
                expect(token == JsonToken.START_ARRAY);
                List<Object> items = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    items.add(value(list.item()));
                }
                return items.toArray();
            }
            return scalar((JsonType.Scalar) type, token);
        }

        private Object struct(JsonType.Struct struct) throws IOException, Unfit {
            List<String> names = List.copyOf(struct.properties().keySet());
            Object[] fields = new Object[names.size()];
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                int field = names.indexOf(parser.currentName());
                expect(field >= 0);
                parser.nextToken();
                fields[field] = value(struct.properties().get(names.get(field)));
            }
            return RowFactory.create(fields);
        }

        private Object scalar(JsonType.Scalar type, JsonToken token) throws IOException, Unfit {
            return switch (type) {
                case TEXT -> {
                    expect(token == JsonToken.VALUE_STRING);
                    yield parser.getText();
                }
                case LONG -> {
                    expect(token == JsonToken.VALUE_NUMBER_INT
                            && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER);
                    yield parser.getLongValue();
                }
                case DOUBLE -> {
                    expect(token.isNumeric());
                    yield parser.getDoubleValue();
                }
                case BOOLEAN -> {
                    expect(token.isBoolean());
                    yield parser.getBooleanValue();
                }
                default -> written();
            };
        }

        /** Returns the characters of the value as they are in the text. */
        private String written() throws IOException {
            int begin = (int) parser.currentTokenLocation().getCharOffset();
            parser.skipChildren();
            parser.finishToken();
            return text.substring(begin, (int) parser.currentLocation().getCharOffset());
        }

        private static void expect(boolean fits) throws Unfit {
            if (!fits) {
                throw new Unfit();
            }
        }
    }
}
