package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.get_json_object;

import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** OpenAI batch files as a table: a row for every line, whatever is in it, so that a bad one is an error of its row. */
final class BatchLines {
    private BatchLines() {}

    /** {@code request, custom_id, url}; nulls of the last two where a line has none. */
    static Dataset<Row> table(DataFrameReader reader, String path) {
        return reader.text(path)
                .withColumnRenamed("value", RowNames.REQUEST)
                .withColumn(RowNames.CUSTOM_ID, get_json_object(col(RowNames.REQUEST), "$.custom_id"))
                .withColumn(RowNames.URL, get_json_object(col(RowNames.REQUEST), "$.url"));
    }
}
