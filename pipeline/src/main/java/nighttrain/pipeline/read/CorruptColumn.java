package nighttrain.pipeline.read;

import java.util.Arrays;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * The column that holds the text of each row that Spark could not parse, and null in all other rows. Spark adds it if it finds such a
 * row while it infers the columns.
 *
 * @param name the column's name in Spark's schema
 * @param format the format that the row could not be parsed as
 */
public record CorruptColumn(String name, String format) {
    private static final String KEY = "nighttrain.corrupt";

    /** Returns the table with this column marked in its schema. */
    static Dataset<Row> mark(Dataset<Row> table, String name, String format) {
        return table.withMetadata(
                name, new MetadataBuilder().putString(KEY, format).build());
    }

    static boolean is(StructField field) {
        return field.metadata().contains(KEY);
    }

    static Optional<CorruptColumn> in(StructType schema) {
        return Arrays.stream(schema.fields())
                .filter(CorruptColumn::is)
                .map(field -> new CorruptColumn(field.name(), field.metadata().getString(KEY)))
                .findFirst();
    }
}
