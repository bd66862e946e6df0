package nighttrain.pipeline.read;

import java.util.Arrays;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructType;

/**
 * The column that has the text of a row which Spark could not parse, and null in all other rows. Spark adds it where it finds such a row
 * while it looks for the columns.
 *
 * @param name that Spark gave it
 * @param format as which the row could not be parsed
 */
public record CorruptColumn(String name, String format) {
    private static final String KEY = "nighttrain.corrupt";

    /** The table, which says which of its columns this is. */
    static Dataset<Row> mark(Dataset<Row> table, String name, String format) {
        return table.withMetadata(
                name, new MetadataBuilder().putString(KEY, format).build());
    }

    static Optional<CorruptColumn> in(StructType schema) {
        return Arrays.stream(schema.fields())
                .filter(field -> field.metadata().contains(KEY))
                .map(field -> new CorruptColumn(field.name(), field.metadata().getString(KEY)))
                .findFirst();
    }
}
