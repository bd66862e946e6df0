package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.count_if;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.percentile_approx;
import static org.apache.spark.sql.functions.sum;

import java.util.List;
import java.util.Map;
import nighttrain.io.table.Incidents;
import nighttrain.io.table.Percentiles;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Observation;
import org.apache.spark.sql.Row;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** What a job's results add up to, counted while they are written. */
public final class RowFigures {
    private static final int ACCURACY = 10_000;

    private final Observation observation = new Observation("night-train-results");

    Dataset<Row> watch(Dataset<Row> results) {
        return results.observe(
                observation,
                count(lit(1)).as("rows"),
                count(col("error")).as("errors"),
                count_if(col("attempts").gt(1)).as("retried"),
                count_if(col("error").equalTo(Incidents.QUARANTINED)).as("quarantined"),
                sum("prompt_tokens").as("prompt_tokens"),
                sum("output_tokens").as("output_tokens"),
                percentiles("ttft_ms"),
                percentiles("tpot_ms"),
                percentiles("e2e_ms"));
    }

    /** Outputs, errors included. */
    public long rows() {
        return whole("rows");
    }

    /** Outputs that failed. */
    public long errors() {
        return whole("errors");
    }

    /** Outputs that were begun more than once. */
    public long retried() {
        return whole("retried");
    }

    /** Outputs that were given up since they ended what computed them. */
    public long quarantined() {
        return whole("quarantined");
    }

    /** Tokens of all prompts. */
    public long promptTokens() {
        return whole("prompt_tokens");
    }

    /** Tokens of all outputs. */
    public long outputTokens() {
        return whole("output_tokens");
    }

    /** Percentiles of {@code ttft_ms}, {@code tpot_ms} or {@code e2e_ms}. */
    public Percentiles percentilesOf(String column) {
        Object values = seen().get(column);
        if (values == null) {
            return new Percentiles(null, null, null);
        }
        List<?> found = values instanceof Seq<?> seq ? CollectionConverters.asJava(seq) : (List<?>) values;
        return new Percentiles((Double) found.get(0), (Double) found.get(1), (Double) found.get(2));
    }

    private long whole(String name) {
        Object value = seen().get(name);
        return value == null ? 0 : (Long) value;
    }

    private Map<String, Object> seen() {
        return Observed.values(observation);
    }

    private static Column percentiles(String column) {
        return percentile_approx(col(column), array(lit(0.5), lit(0.9), lit(0.99)), lit(ACCURACY))
                .as(column);
    }
}
