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
 * Estimates the tokens of a prompt and its output before a tokenizer reads it.
 *
 * @param outputTokens tokens of any output
 * @param contextTokens upper limit of a prompt's tokens
 * @param charsPerToken characters per token of a prompt
 */
public record TokenEstimate(long outputTokens, long contextTokens, double charsPerToken) {
    /**
     * The default, which holds for English in most vocabularies. A wrong value is wrong for all prompts of a job alike, so tasks are
     * balanced all the same.
     */
    public static final double CHARS_PER_TOKEN = 4;
    /** The least number of finished outputs that predict the others. */
    private static final long ENOUGH = 100;

    /**
     * Returns an estimate. It assumes outputs as long as the mean of earlier runs of the job or, if these finished too few, as long as
     * allowed.
     */
    public static TokenEstimate of(int maxTokens, int contextTokens, long outputsBefore, long outputTokensBefore) {
        long expected = outputsBefore < ENOUGH ? maxTokens : (outputTokensBefore + outputsBefore - 1) / outputsBefore;
        return new TokenEstimate(Math.max(1, expected), contextTokens, CHARS_PER_TOKEN);
    }

    /** Returns the same estimate with this many characters per token. */
    public TokenEstimate ofTokens(double chars) {
        return new TokenEstimate(outputTokens, contextTokens, chars);
    }

    /** Returns the mean lengths of rows whose prompt and output have {@code meanTokens} in total on average. */
    Lengths lengths(long meanTokens) {
        return new Lengths((int) Math.min(Integer.MAX_VALUE, Math.max(1, meanTokens - outputTokens)), (int)
                Math.min(Integer.MAX_VALUE, outputTokens));
    }

    /** Returns the tokens of a row whose prompt has this many characters. */
    long tokens(int chars) {
        return Math.min((long) Math.ceil(chars / charsPerToken), contextTokens) + outputTokens;
    }

    /** Returns the tokens of every row of a table as a column. */
    Column tokens() {
        Column prompt = ceil(length(text()).divide(charsPerToken)).cast(DataTypes.LongType);
        return least(prompt, lit(contextTokens)).plus(lit(outputTokens));
    }

    /** Returns the text of a prompt before the chat template. */
    static Column text() {
        return coalesce(col(RowNames.PROMPT), col(RowNames.MESSAGES), lit(""));
    }
}
