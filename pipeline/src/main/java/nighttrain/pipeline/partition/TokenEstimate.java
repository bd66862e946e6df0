package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.ceil;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.least;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;

import nighttrain.pipeline.read.RowNames;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataTypes;

/**
 * What a prompt will cost, in tokens, before a tokenizer has seen it.
 *
 * @param outputTokens of any prompt
 * @param contextTokens the most that a prompt can have
 */
public record TokenEstimate(long outputTokens, long contextTokens) {
    /** Of English in most vocabularies. Others differ, but for all prompts of a job alike, and only the order matters. */
    private static final int CHARS_PER_TOKEN = 4;
    /** Fewer finished outputs say little of the others. */
    private static final long ENOUGH = 100;

    /** With outputs as long as those that earlier runs of the job finished; with none of these, as long as they may be. */
    public static TokenEstimate of(int maxTokens, int contextTokens, long outputsBefore, long outputTokensBefore) {
        long expected = outputsBefore < ENOUGH ? maxTokens : (outputTokensBefore + outputsBefore - 1) / outputsBefore;
        return new TokenEstimate(Math.max(1, expected), contextTokens);
    }

    Column tokens() {
        Column prompt = ceil(length(text()).divide(CHARS_PER_TOKEN)).cast(DataTypes.LongType);
        return least(prompt, lit(contextTokens)).plus(lit(outputTokens));
    }

    /** What is sent, before a chat template. */
    static Column text() {
        return coalesce(col(RowNames.PROMPT), col(RowNames.MESSAGES), lit(""));
    }
}
