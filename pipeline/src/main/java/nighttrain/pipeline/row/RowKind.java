package nighttrain.pipeline.row;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import nighttrain.executor.request.Generation;
import nighttrain.pipeline.row.RowRequest.Decoding;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/**
 * What a row of the input becomes: its requests, what their generations make of it, and its own columns. Nothing else asks which kind
 * it is.
 */
public interface RowKind extends Serializable {
    /** The kind of rows of an input of that format. */
    static RowKind ofFormat(String format) {
        return format.equalsIgnoreCase(OpenAiBatch.FORMAT) ? new OpenAiBatch() : new Prompts();
    }

    /** The rows of files in a form that is the kind's own; none: Spark reads the format that was named. */
    Optional<Dataset<Row>> table(DataFrameReader reader, String path);

    /** The column that brings each row's whole request; none: options say which columns prompts are made of. */
    Optional<String> requestColumn();

    /** The column that names rows where none was named. */
    Optional<String> idColumn();

    /** Columns that are copied to the results, whether that was asked for or not. */
    List<String> keptColumns();

    /** What a row asks for, in the order in which engines get it: at least one request; {@code job}: what the row leaves out. */
    List<RowRequest> requests(RowInput row, Decoding job) throws RowFault;

    /**
     * What the generations of a row's {@link #requests}, in their order, make of it, as JSON; none: the row's result is the text of the
     * first. Where one of them failed the row has failed, and nothing asks for this.
     */
    Optional<String> answer(List<Output> outputs);

    /** Its own columns of the results, made of a merged row's {@code answer} and other columns; they come after the text. */
    Map<String, Column> columns();

    /** Usual columns that its results do not have. */
    Set<String> leftOut();

    /** Whether log-probabilities carry their place in the text. */
    boolean logprobsHaveOffsets();

    /**
     * What makes lines of text of merged rows, by their schema, in which the kept struct begins with the {@link #requestColumn}; none:
     * there is the table of results alone.
     *
     * @param model its name
     * @param createdS now, in seconds since 1970
     */
    Optional<Function<StructType, MapFunction<Row, String>>> responses(String model, long createdS);

    /**
     * What the input says of a row.
     *
     * @param row position in its file, from 0
     * @param prompt text to complete, or the row's whole request; null beside messages
     * @param messages conversation to continue, as JSON, or null
     */
    public record RowInput(long row, String prompt, String messages) {}

    /**
     * What came of a request.
     *
     * @param text up to a stop string
     * @param generation the engine's answer
     */
    public record Output(String text, Generation generation) {}
}
