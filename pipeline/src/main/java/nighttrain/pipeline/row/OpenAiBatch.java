package nighttrain.pipeline.row;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.get_json_object;
import static org.apache.spark.sql.functions.regexp_replace;
import static org.apache.spark.sql.functions.udf;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import nighttrain.pipeline.row.RowKind.RowInput;
import nighttrain.pipeline.row.RowRequest.Decoding;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * The kind of rows in OpenAI batch files. Every line becomes a row, whatever it contains, so that a bad line is an error of its row. Blank
 * lines are no rows.
 */
public record OpenAiBatch() implements RowKind {
    public static final String FORMAT = "openai-batch";

    private static final long serialVersionUID = 1L;
    private static final String REQUEST = "request";
    private static final String CUSTOM_ID = "custom_id";
    private static final String URL = "url";
    private static final String BYTE_ORDER_MARK = "\uFEFF";
    private static final String ANY_BUT_BLANKS = "[^\\s" + BYTE_ORDER_MARK + "]";

    /**
     * Returns the columns {@code request}, which is the line or {@link BatchRequest#NO_TEXT}, and {@code custom_id, url}, null where a line
     * has none.
     */
    @Override
    public Optional<Dataset<Row>> table(DataFrameReader reader, String path) {
        UserDefinedFunction text = udf((UDF1<byte[], String>) OpenAiBatch::text, DataTypes.StringType);
        // The custom_id is read even if the rest of the line is not UTF-8, so that users can find its error by it.
        Column line = regexp_replace(col("value"), "^" + BYTE_ORDER_MARK, "");
        return Optional.of(reader.text(path)
                .filter(col("value").rlike(ANY_BUT_BLANKS))
                .withColumn(REQUEST, text.apply(col("value").cast("binary")))
                .withColumn(CUSTOM_ID, get_json_object(line, "$.custom_id"))
                .withColumn(URL, get_json_object(line, "$.url"))
                .drop("value"));
    }

    /** Decodes a line; {@link BatchRequest#NO_TEXT} if it is not UTF-8, which Spark would silently turn into replacement characters. */
    static String text(byte[] utf8) {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(utf8))
                    .toString();
            return text.startsWith(BYTE_ORDER_MARK) ? text.substring(BYTE_ORDER_MARK.length()) : text;
        } catch (CharacterCodingException noText) {
            return BatchRequest.NO_TEXT;
        }
    }

    @Override
    public Optional<String> requestColumn() {
        return Optional.of(REQUEST);
    }

    @Override
    public Optional<String> idColumn() {
        return Optional.of(CUSTOM_ID);
    }

    /** The format of an answer depends on the request's URL. */
    @Override
    public Map<String, String> keptColumns() {
        return Map.of(URL, "--format " + FORMAT);
    }

    @Override
    public List<RowRequest> requests(RowInput row, Decoding job) throws RowFault {
        return List.of(BatchRequest.parse(row.prompt(), row.row() + 1, job));
    }

    /** Answers to completions have {@code text_offset}. */
    @Override
    public boolean logprobsHaveOffsets() {
        return true;
    }

    @Override
    public Optional<Function<StructType, MapFunction<Row, String>>> responses(String model, long createdS) {
        return Optional.of(merged -> new BatchAnswers(model, createdS, merged));
    }
}
