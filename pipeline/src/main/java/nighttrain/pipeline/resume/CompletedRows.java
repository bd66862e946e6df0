package nighttrain.pipeline.resume;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import org.apache.spark.sql.Row;

/**
 * The rows that earlier runs of a job finished before this one started.
 *
 * @param outputs finished outputs, errors included
 * @param errors finished outputs that failed
 * @param promptTokens tokens of the outputs' prompts
 * @param outputTokens tokens of the outputs
 */
public record CompletedRows(long outputs, long errors, long promptTokens, long outputTokens) {
    private static final CompletedRows NOTHING = new CompletedRows(0, 0, 0, 0);

    /** Counts the rows in the journal, without copies. */
    public static CompletedRows in(JournalTable journal, Duplicates duplicates) {
        if (journal.isEmpty()) {
            return NOTHING;
        }
        Row sums = duplicates
                .leaveOut(journal.results())
                .dropDuplicates(JournalTable.KEY)
                .agg(
                        count(lit(1)),
                        count(col("error")),
                        coalesce(sum("prompt_tokens"), lit(0L)),
                        coalesce(sum("output_tokens"), lit(0L)))
                .head();
        return new CompletedRows(sums.getLong(0), sums.getLong(1), sums.getLong(2), sums.getLong(3));
    }
}
