package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.ceil;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.least;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;

import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.pipeline.read.RowNames;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataTypes;

/**
 * The estimated tokens of a prompt and its output, before a tokenizer has read it.
 *
 * @param outputTokens of any output
 * @param contextTokens the most that a prompt can have
 */
public record TokenEstimate(long outputTokens, long contextTokens) {
    /** For English in most vocabularies. A wrong value is wrong for all prompts of a job alike, and only their order matters. */
    private static final int CHARS_PER_TOKEN = 4;
    /** Fewer finished outputs do not predict the others. */
    private static final long ENOUGH = 100;

    /** Outputs are as long as those of earlier runs of the job on average, or, without earlier runs, as long as allowed. */
    public static TokenEstimate of(int maxTokens, int contextTokens, long outputsBefore, long outputTokensBefore) {
        long expected = outputsBefore < ENOUGH ? maxTokens : (outputTokensBefore + outputsBefore - 1) / outputsBefore;
        return new TokenEstimate(Math.max(1, expected), contextTokens);
    }

    /** Of rows with {@code meanTokens} in all on average. */
    Lengths lengths(long meanTokens) {
        return new Lengths((int) Math.min(Integer.MAX_VALUE, Math.max(1, meanTokens - outputTokens)), (int)
                Math.min(Integer.MAX_VALUE, outputTokens));
    }

    Column tokens() {
        Column prompt = ceil(length(text()).divide(CHARS_PER_TOKEN)).cast(DataTypes.LongType);
        return least(prompt, lit(contextTokens)).plus(lit(outputTokens));
    }

    /** The prompt before a chat template. */
    static Column text() {
        return coalesce(col(RowNames.PROMPT), col(RowNames.MESSAGES), lit(""));
    }
}
