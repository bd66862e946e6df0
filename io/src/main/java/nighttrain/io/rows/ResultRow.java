package nighttrain.io.rows;

import java.util.Objects;

/**
 * A finished row. The key is ({@code file}, {@code row}, {@code sample}). Each component is a column of the journal, and of the results unless it is
 * a part of the key.
 *
 * @param file the input file, relative to the input root
 * @param row position in that file, from 0
 * @param sample number of the completion among the {@code n} of its row, from 0
 * @param id name of the row, from the id column or made from file and row; null where the id column is null
 * @param text the completion; null where the row failed
 * @param finishReason {@code stop}, {@code length} or {@code error}
 * @param promptTokens tokens of the prompt
 * @param outputTokens tokens of the completion
 * @param error kind of the failure; null where there was none
 * @param errorMessage message of the form {@code what failed: value (limit; way out)}; null where nothing failed
 * @param ttftMs time from submission to the first token, in ms; null where no token was generated
 * @param tpotMs time per token after the first, in ms; null where there were fewer than two
 * @param e2eMs time from submission to the last token, in ms; null where the row never ran
 * @param attempts number of attempts of the row, at least 1
 * @param executor executor that ran the row
 * @param tokenIds ids of the completion, not to be modified; null unless asked for
 * @param logprobs log-probabilities of the completion as JSON; null unless asked for
 * @param promptLogprobs log-probabilities of the prompt's own tokens as JSON; null unless asked for
 * @param answer result that the row's kind derives from its generations, as JSON; null where it is their text alone
 */
@SuppressWarnings("ArrayRecordComponent") // A million rows of token ids need an array each, not a list of boxes.
public record ResultRow(
        String file,
        long row,
        int sample,
        String id,
        String text,
        String finishReason,
        int promptTokens,
        int outputTokens,
        String error,
        String errorMessage,
        Double ttftMs,
        Double tpotMs,
        Double e2eMs,
        int attempts,
        String executor,
        int[] tokenIds,
        String logprobs,
        String promptLogprobs,
        String answer) {
    /** The columns of the row. */
    public static final RowType<ResultRow> TYPE = RowType.of(ResultRow.class);

    public ResultRow {
        Objects.requireNonNull(file, "file");
        Objects.requireNonNull(finishReason, "finishReason");
        Objects.requireNonNull(executor, "executor");
        check(row >= 0, "row", row, "at least 0");
        check(sample >= 0, "sample", sample, "at least 0");
        check(promptTokens >= 0, "promptTokens", promptTokens, "at least 0");
        check(outputTokens >= 0, "outputTokens", outputTokens, "at least 0");
        check(attempts >= 1, "attempts", attempts, "at least 1");
        check(
                finishReason.equals("error") == (error != null),
                "error",
                error,
                "given exactly when finishReason is error, found " + finishReason);
    }

    private static void check(boolean valid, String what, Object value, String hint) {
        if (!valid) {
            throw new IllegalArgumentException(what + ": " + value + " (" + hint + ")");
        }
    }
}
