package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.col;

import java.util.Arrays;
import java.util.stream.Collectors;
import nighttrain.io.UserError;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Finds columns by the exact name that a user gave, dots and spaces included. */
final class Columns {
    /** Way out for text columns that their writer did not mark as text. */
    static final String BINARY_IS_TEXT = "--conf spark.sql.parquet.binaryAsString=true if it is text";

    private Columns() {}

    static boolean has(StructType schema, String name) {
        return Arrays.asList(schema.fieldNames()).contains(name);
    }

    /** Returns the type of a column, and refuses one that is missing or cannot be read; {@code option} is the option that named it. */
    static DataType type(StructType schema, String name, String option) {
        if (!has(schema, name)) {
            throw UserError.of(
                    "no such column",
                    name,
                    "named by " + option + "; the input's columns are " + list(schema) + "; check the name");
        }
        Flaw.refuse(schema.apply(name));
        return schema.apply(name).dataType();
    }

    /** Lists the columns of the input, without the column for rows that cannot be parsed. */
    static String list(StructType schema) {
        return Arrays.stream(schema.fields())
                .filter(field -> !CorruptColumn.is(field))
                .map(StructField::name)
                .collect(Collectors.joining(", "));
    }

    static Column quoted(String name) {
        return col("`" + name.replace("`", "``") + "`");
    }
}
