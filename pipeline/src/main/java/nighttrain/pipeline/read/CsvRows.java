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

/** Rows of CSV files that have more fields than the first line. Spark drops the last ones: a text with a comma and no quotes is cut. */
final class CsvRows {
    /** Of these fields one has a value, or nothing of use is dropped. */
    private static final int FIELDS_LOOKED_AT = 100;

    private CsvRows() {}

    /**
     * The table, with the text of such a row in a column of that name, which is null in others: a row that has fewer fields lacks nothing
     * that is there.
     *
     * @param options those of the reader
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
