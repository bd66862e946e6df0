package nighttrain.pipeline.runreport;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.desc;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.substring;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Rows that failed in the same way.
 *
 * @param kind the way, as in column {@code error}
 * @param rows how many
 * @param examples some of their messages, the same whenever one looks
 */
record ErrorClass(String kind, long rows, List<String> examples) {
    private static final int CLASSES = 50;
    private static final int MESSAGE_CHARS = 500;

    /** Those of a table of results, the most frequent first. */
    static List<ErrorClass> in(Dataset<Row> results) {
        Column message = substring(col("error_message"), 1, MESSAGE_CHARS);
        return results
                .filter(col("error").isNotNull())
                .groupBy("error")
                .agg(
                        count(lit(1)).as("rows"),
                        min(message).as("first"),
                        max(message).as("last"))
                .orderBy(desc("rows"), col("error"))
                .limit(CLASSES)
                .collectAsList()
                .stream()
                .map(ErrorClass::of)
                .toList();
    }

    private static ErrorClass of(Row row) {
        List<String> examples = Stream.of(row.<String>getAs("first"), row.<String>getAs("last"))
                .filter(Objects::nonNull)
                .distinct()
                .toList();
        return new ErrorClass(row.getAs("error"), row.<Long>getAs("rows"), examples);
    }
}
