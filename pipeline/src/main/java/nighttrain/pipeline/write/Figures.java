package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.percentile_approx;
import static org.apache.spark.sql.functions.sum;

import java.util.List;
import nighttrain.io.table.Percentiles;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * What a job's tables add up to.
 *
 * @param rows outputs, errors included
 * @param errors of these, failed
 * @param promptTokens tokens of all prompts
 * @param outputTokens tokens of all outputs
 * @param ttftMs time to first token
 * @param tpotMs time per output token after the first
 * @param e2eMs time from submission to the end
 * @param commShare share of step time in which ranks waited for one another
 */
public record Figures(
        long rows,
        long errors,
        long promptTokens,
        long outputTokens,
        Percentiles ttftMs,
        Percentiles tpotMs,
        Percentiles e2eMs,
        double commShare) {
    private static final int ACCURACY = 10_000;

    /** Adds up what was written. */
    public static Figures of(SparkSession spark, Path results, Path metrics) {
        Row sums = spark.read()
                .parquet(results.toString())
                .agg(
                        count(lit(1)),
                        count(col("error")),
                        coalesce(sum("prompt_tokens"), lit(0L)),
                        coalesce(sum("output_tokens"), lit(0L)),
                        percentiles("ttft_ms"),
                        percentiles("tpot_ms"),
                        percentiles("e2e_ms"))
                .head();
        return new Figures(
                sums.getLong(0),
                sums.getLong(1),
                sums.getLong(2),
                sums.getLong(3),
                percentiles(sums, 4),
                percentiles(sums, 5),
                percentiles(sums, 6),
                commShare(spark, metrics));
    }

    private static double commShare(SparkSession spark, Path metrics) {
        Row sums = spark.read()
                .parquet(metrics.toString())
                .agg(coalesce(sum("comm_ms"), lit(0.0)), coalesce(sum("step_ms"), lit(0.0)))
                .head();
        return sums.getDouble(1) == 0 ? 0 : sums.getDouble(0) / sums.getDouble(1);
    }

    private static Column percentiles(String column) {
        return percentile_approx(col(column), array(lit(0.5), lit(0.9), lit(0.99)), lit(ACCURACY));
    }

    private static Percentiles percentiles(Row row, int at) {
        if (row.isNullAt(at)) {
            return new Percentiles(null, null, null);
        }
        List<Double> values = row.getList(at);
        return new Percentiles(values.get(0), values.get(1), values.get(2));
    }
}
