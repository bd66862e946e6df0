package nighttrain.pipeline.row;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.get_json_object;
import static org.apache.spark.sql.functions.regexp_replace;
import static org.apache.spark.sql.functions.udf;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.DataTypes;

/**
 * OpenAI batch files as a table: a row for every line, whatever is in it, so that a bad one is an error of its row. Blank lines
 * ask for nothing and are no rows.
 */
public final class BatchLines {
    /** A line of an OpenAI batch file, or {@link #NO_TEXT}. */
    public static final String REQUEST = "request";
    /** What that line calls itself. */
    public static final String CUSTOM_ID = "custom_id";
    /** What that line asks for. */
    public static final String URL = "url";

    /** In the place of a line whose bytes are not UTF-8; no line of JSON is this. */
    static final String NO_TEXT = "\0not UTF-8";

    private static final String BYTE_ORDER_MARK = "\uFEFF";
    private static final String ANY_BUT_BLANKS = "[^\\s" + BYTE_ORDER_MARK + "]";

    private BatchLines() {}

    /** {@code request, custom_id, url}; nulls of the last two where a line has none. */
    public static Dataset<Row> table(DataFrameReader reader, String path) {
        UserDefinedFunction text = udf((UDF1<byte[], String>) BatchLines::text, DataTypes.StringType);
        // What names a line is read even where the rest of it is no text, so that its error is found by it.
        Column line = regexp_replace(col("value"), "^" + BYTE_ORDER_MARK, "");
        return reader.text(path)
                .filter(col("value").rlike(ANY_BUT_BLANKS))
                .withColumn(REQUEST, text.apply(col("value").cast("binary")))
                .withColumn(CUSTOM_ID, get_json_object(line, "$.custom_id"))
                .withColumn(URL, get_json_object(line, "$.url"))
                .drop("value");
    }

    /** Of bytes that are no text Spark would make replacement characters without a word. */
    static String text(byte[] utf8) {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(utf8))
                    .toString();
            return text.startsWith(BYTE_ORDER_MARK) ? text.substring(BYTE_ORDER_MARK.length()) : text;
        } catch (CharacterCodingException noText) {
            return NO_TEXT;
        }
    }
}
