package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.from_csv;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.when;

import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;

/** Finds rows of CSV files with more fields than the first line. Spark drops the extra fields, so it cuts an unquoted text with a comma. */
final class CsvRows {
    /** Number of extra fields that are checked for a value. */
    private static final int FIELDS_LOOKED_AT = 100;

    private CsvRows() {}

    /**
     * Returns the table with one more column, {@code column}: the text of a row with extra fields, null for other rows. Rows with too few fields
     * lose no text, so they count as well formed.
     *
     * @param options options of the reader
     */
    static Dataset<Row> withLongRows(
            Dataset<Row> table, DataFrameReader reader, Map<String, String> options, InputFiles files, String column) {
        int named = table.columns().length - files.partitions().size();
        String wide = IntStream.range(0, named + FIELDS_LOOKED_AT)
                .mapToObj(i -> (i < named ? "named" : "dropped") + i + " STRING")
                .collect(Collectors.joining(", "));
        Column malformed = Columns.quoted(column);
        // JSON leaves out fields without a value; in a value the quotes would be escaped.
        Column isLong = to_json(from_csv(malformed, lit(wide), options)).rlike("\"dropped[0-9]+\":");
        return reader.schema(table.schema().add(column, DataTypes.StringType))
                .load(files.pattern())
                .withColumn(column, when(isLong, malformed));
    }
}
