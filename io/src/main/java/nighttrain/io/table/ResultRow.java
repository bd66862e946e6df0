package nighttrain.io.table;

/**
 * A finished row. The key is ({@code file}, {@code row}, {@code sample}).
 *
 * @param file the input file, relative to the input root
 * @param row position in that file, from 0
 * @param sample which of the {@code n} completions, from 0
 * @param id the row's name, from the id column or made from file and row
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
 * @param tokenIds ids of the completion; null unless asked for
 * @param logprobsJson log-probabilities as JSON; null unless asked for
 */
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
        String logprobsJson) {}
