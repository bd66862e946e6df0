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
 * @param charsPerToken of a prompt
 */
public record TokenEstimate(long outputTokens, long contextTokens, double charsPerToken) {
    /**
     * For English in most vocabularies, where nobody has counted. Tasks are balanced all the same: a wrong value is wrong for all prompts of a job
     * alike.
     */
    public static final double CHARS_PER_TOKEN = 4;
    /** Fewer finished outputs do not predict the others. */
    private static final long ENOUGH = 100;

    /** Outputs are as long as those of earlier runs of the job on average, or, without earlier runs, as long as allowed. */
    public static TokenEstimate of(int maxTokens, int contextTokens, long outputsBefore, long outputTokensBefore) {
        long expected = outputsBefore < ENOUGH ? maxTokens : (outputTokensBefore + outputsBefore - 1) / outputsBefore;
        return new TokenEstimate(Math.max(1, expected), contextTokens, CHARS_PER_TOKEN);
    }

    /** The same of prompts whose tokens have so many characters. */
    public TokenEstimate ofTokens(double chars) {
        return new TokenEstimate(outputTokens, contextTokens, chars);
    }

    /** Of rows with {@code meanTokens} in all on average. */
    Lengths lengths(long meanTokens) {
        return new Lengths((int) Math.min(Integer.MAX_VALUE, Math.max(1, meanTokens - outputTokens)), (int)
                Math.min(Integer.MAX_VALUE, outputTokens));
    }

    /** Of a row whose prompt has so many characters. */
    long tokens(int chars) {
        return Math.min((long) Math.ceil(chars / charsPerToken), contextTokens) + outputTokens;
    }

    /** The same of every row of a table. */
    Column tokens() {
        Column prompt = ceil(length(text()).divide(charsPerToken)).cast(DataTypes.LongType);
        return least(prompt, lit(contextTokens)).plus(lit(outputTokens));
    }

    /** The prompt before a chat template. */
    static Column text() {
        return coalesce(col(RowNames.PROMPT), col(RowNames.MESSAGES), lit(""));
    }
}
