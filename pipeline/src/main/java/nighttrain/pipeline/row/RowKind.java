package nighttrain.pipeline.row;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import nighttrain.executor.request.Generation;
import nighttrain.pipeline.report.Page.Section;
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
    /** The rows of files in a form that is the kind's own; none: Spark reads the format that was named. */
    default Optional<Dataset<Row>> table(DataFrameReader reader, String path) {
        return Optional.empty();
    }

    /** The column that brings each row's whole request; none: options say which columns prompts are made of. */
    default Optional<String> requestColumn() {
        return Optional.empty();
    }

    /** The column that names rows where none was named. */
    default Optional<String> idColumn() {
        return Optional.empty();
    }

    /** Columns that are copied to the results, whether that was asked for or not, with the option that names each. */
    default Map<String, String> keptColumns() {
        return Map.of();
    }

    /** What of it changes the results, beside settings: by name, for the job's fingerprint. */
    default Map<String, String> facts() {
        return Map.of();
    }

    /**
     * The kind that rows are computed with: it knows the model's tokens.
     *
     * @throws nighttrain.io.UserError where the kind does not suit the model or the prompts
     */
    default RowKind prepared(PromptText text, PromptForm prompts) {
        return this;
    }

    /**
     * How the requests of a row lie to its prompt, in the order of {@link #requests}: what a plan reckons with. What a task asks once is
     * left out.
     */
    default List<Branch> branches() {
        return List.of(Branch.PROMPT);
    }

    /** What a row asks for, in the order in which engines get it: at least one request; {@code job}: what the row leaves out. */
    List<RowRequest> requests(RowInput row, Decoding job) throws RowFault;

    /**
     * What the generations of a row's {@link #requests}, in their order, make of it, as JSON; none: the row's result is the text of the
     * first. Where one of them failed the row has failed, and nothing asks for this.
     */
    default Optional<String> answer(List<Output> outputs) {
        return Optional.empty();
    }

    /** Its own columns of the results, made of a merged row's {@code answer} and other columns; they come after the text. */
    default Map<String, Column> columns() {
        return Map.of();
    }

    /** Usual columns that its results do not have. */
    default Set<String> leftOut() {
        return Set.of();
    }

    /** Whether log-probabilities carry their place in the text. */
    default boolean logprobsHaveOffsets() {
        return false;
    }

    /**
     * What makes lines of text of merged rows, by their schema, in which the kept struct begins with the {@link #requestColumn}; none:
     * there is the table of results alone.
     *
     * @param model its name
     * @param createdS now, in seconds since 1970
     */
    default Optional<Function<StructType, MapFunction<Row, String>>> responses(String model, long createdS) {
        return Optional.empty();
    }

    /** What else it makes of a job's results, which only a kind that looks at them opens; none: nothing. */
    default Optional<Findings> findings(Supplier<Dataset<Row>> results) {
        return Optional.empty();
    }

    /**
     * What a kind makes of all results together.
     *
     * @param figures for {@code summary.json}, under the key {@code labels}
     * @param sections for the report
     * @param tables rows for people to look at, by the name of their folder
     */
    record Findings(ObjectNode figures, List<Section> sections, Map<String, Dataset<Row>> tables) {}

    /**
     * A request beside its row's prompt, which is that of the row's first request.
     *
     * @param apart so many of the prompt's last tokens it does not share; more than there are: all of them
     * @param longer so many tokens it has more than the prompt; below 0: fewer
     */
    record Branch(int apart, int longer) implements Serializable {
        /** The prompt itself. */
        public static final Branch PROMPT = new Branch(0, 0);

        private static final long serialVersionUID = 1L;
    }

    /** How a job makes prompts of rows, for a kind that makes some of its own. */
    interface PromptForm {
        /** Whether they are conversations. */
        boolean isConversation();

        /** Whether they are made by a text with columns in it. */
        boolean isTemplate();

        /** The prompt of a row that has {@code text} in every column. */
        String of(String text);

        /** The prompt of a row with these columns; the one called {@code text} stands for those that are missing. */
        String of(Map<String, String> columns);
    }

    /**
     * What the input says of a row.
     *
     * @param row position in its file, from 0
     * @param prompt text to complete, or the row's whole request; null beside messages
     * @param messages conversation to continue, as JSON, or null
     */
    record RowInput(long row, String prompt, String messages) {}

    /**
     * What came of a request.
     *
     * @param text up to a stop string
     * @param generation the engine's answer
     */
    record Output(String text, Generation generation) {}
}
