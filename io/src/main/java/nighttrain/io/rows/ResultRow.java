package nighttrain.io.rows;

import java.util.Objects;

/**
 * A finished row. The key is ({@code file}, {@code row}, {@code sample}). A component is a column: of the journal, and of the
 * results unless it is a part of the key.
 *
 * @param file the input file, relative to the input root
 * @param row position in that file, from 0
 * @param sample which of the {@code n} completions, from 0
 * @param id the row's name, from the id column or made from file and row; null where the id column is
 * @param text the completion; null where the row failed
 * @param finishReason {@code stop}, {@code length} or {@code error}
 * @param promptTokens tokens of the prompt
 * @param outputTokens tokens of the completion
 * @param error class of the failure; null where there was none
 * @param errorMessage what failed: value (limit; way out); null where nothing failed
 * @param ttftMs submission to first token, in ms; null where no token came
 * @param tpotMs time per token after the first, in ms; null where there were fewer than two
 * @param e2eMs submission to last token, in ms; null where the row never ran
 * @param attempts how often the row was tried, at least 1
 * @param executor where it ran
 * @param tokenIds ids of the completion, not to be written to; null unless asked for
 * @param logprobs log-probabilities of the completion as JSON; null unless asked for
 * @param promptLogprobs log-probabilities of the prompt's own tokens as JSON; null unless asked for
 * @param answer what the row's kind makes of its generations, as JSON; null where that is their text alone
 */
@SuppressWarnings("ArrayRecordComponent") // A million rows of token ids: an array each, not a list of boxes.
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
    /** Its columns. */
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
