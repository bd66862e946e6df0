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
 * A kind of input row: it defines a row's requests, the answer that is made of their generations, and result columns of its own. No other
 * code depends on which kind it is.
 */
public interface RowKind extends Serializable {
    /** Reads files in a format of the kind's own; empty: Spark reads the format that the user named. */
    default Optional<Dataset<Row>> table(DataFrameReader reader, String path) {
        return Optional.empty();
    }

    /** Returns the column that holds each row's whole request; empty: options say which columns prompts are made of. */
    default Optional<String> requestColumn() {
        return Optional.empty();
    }

    /** Returns the column that names rows if the user named none. */
    default Optional<String> idColumn() {
        return Optional.empty();
    }

    /** Returns the columns that are always copied to the results, with the option that names each. */
    default Map<String, String> keptColumns() {
        return Map.of();
    }

    /** Returns the facts of the kind, by name, that change the results and are not settings; the job's fingerprint includes them. */
    default Map<String, String> facts() {
        return Map.of();
    }

    /**
     * Returns the kind that tasks compute rows with; it has the model's tokens.
     *
     * @throws nighttrain.io.UserError if the kind does not suit the model or the prompts
     */
    default RowKind prepared(PromptText text, PromptForm prompts) {
        return this;
    }

    /**
     * Returns how the requests of a row relate to its prompt, in the order of {@link #requests}, for the plan's estimate. Requests that a
     * task makes once are left out.
     */
    default List<Branch> branches() {
        return List.of(Branch.PROMPT);
    }

    /**
     * Returns the requests of a row, at least one, in the order in which engines receive them; {@code job} holds for parameters that the
     * row does not set.
     */
    List<RowRequest> requests(RowInput row, Decoding job) throws RowFault;

    /**
     * Returns a row's answer as JSON, made of the generations of its {@link #requests} in their order; empty: the row's result is the text
     * of the first. If one of them failed, the row has failed and this is not called.
     */
    default Optional<String> answer(List<Output> outputs) {
        return Optional.empty();
    }

    /** Returns the kind's own result columns, made of a merged row's {@code answer} and other columns; they follow the text. */
    default Map<String, Column> columns() {
        return Map.of();
    }

    /** Returns the usual result columns that this kind leaves out. */
    default Set<String> leftOut() {
        return Set.of();
    }

    /** Whether log-probabilities carry their offset in the text. */
    default boolean logprobsHaveOffsets() {
        return false;
    }

    /**
     * Returns a function from the schema of merged rows to a converter of a row to a line of text. The kept struct begins with the {@link
     * #requestColumn}. Empty: there is only the results table.
     *
     * @param model name of the model
     * @param createdS current time, in seconds since 1970
     */
    default Optional<Function<StructType, MapFunction<Row, String>>> responses(String model, long createdS) {
        return Optional.empty();
    }

    /** Returns the findings of all results of a job; empty: none. Only a kind that reads {@code results} opens them. */
    default Optional<Findings> findings(Supplier<Dataset<Row>> results) {
        return Optional.empty();
    }

    /**
     * Findings that a kind computes from all results of a job.
     *
     * @param figures figures for {@code summary.json}, under the key {@code labels}
     * @param sections sections of the report
     * @param tables tables for people to review, by the name of their folder
     */
    record Findings(ObjectNode figures, List<Section> sections, Map<String, Dataset<Row>> tables) {}

    /**
     * How a request differs from its row's prompt, which is the prompt of the row's first request.
     *
     * @param apart how many of the prompt's last tokens it does not share; a number above the prompt's length means all
     * @param longer how many tokens more than the prompt it has; below 0: fewer
     */
    record Branch(int apart, int longer) implements Serializable {
        /** The prompt itself. */
        public static final Branch PROMPT = new Branch(0, 0);

        private static final long serialVersionUID = 1L;
    }

    /** How a job makes prompts of rows, for a kind that makes prompts of its own. */
    interface PromptForm {
        /** Whether prompts are conversations. */
        boolean isConversation();

        /** Whether prompts are made by a text with columns in it. */
        boolean isTemplate();

        /** Returns the prompt of a row that has {@code text} in every column. */
        String of(String text);

        /** Returns the prompt of a row with these columns; the column {@code text} stands for missing ones. */
        String of(Map<String, String> columns);
    }

    /**
     * A row of the input.
     *
     * @param row position in its file, from 0
     * @param prompt text to complete, or the row's whole request; null beside messages
     * @param messages conversation to continue, as JSON, or null
     */
    record RowInput(long row, String prompt, String messages) {}

    /**
     * The outcome of a request.
     *
     * @param text output text, up to a stop string
     * @param generation the engine's answer
     */
    record Output(String text, Generation generation) {}
}
