package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.count_if;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.percentile_approx;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.io.table.Percentiles;
import nighttrain.io.table.Summary.Incidents;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Observation;
import org.apache.spark.sql.Row;
import scala.collection.JavaConverters;
import scala.collection.Seq;

/** Figures over a job's results, counted while the results are written. */
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
                count(col("ttft_ms")).as(counted("ttft_ms")),
                count(col("tpot_ms")).as(counted("tpot_ms")),
                count(col("e2e_ms")).as(counted("e2e_ms")),
                count(lengths("prompt_tokens")).as(counted("prompt_tokens")),
                count(lengths("output_tokens")).as(counted("output_tokens")),
                thousandths(col("ttft_ms")).as(spread("ttft_ms")),
                thousandths(col("tpot_ms")).as(spread("tpot_ms")),
                thousandths(col("e2e_ms")).as(spread("e2e_ms")),
                thousandths(lengths("prompt_tokens")).as(spread("prompt_tokens")),
                thousandths(lengths("output_tokens")).as(spread("output_tokens")));
    }

    /** Returns the number of outputs, errors included. */
    public long rows() {
        return whole("rows");
    }

    /** Returns the number of outputs that failed. */
    public long errors() {
        return whole("errors");
    }

    /** Returns the number of outputs that were attempted more than once. */
    public long retried() {
        return whole("retried");
    }

    /** Returns the number of quarantined outputs: their rows crashed the executors that computed them. */
    public long quarantined() {
        return whole("quarantined");
    }

    /** Returns the tokens of all prompts. */
    public long promptTokens() {
        return whole("prompt_tokens");
    }

    /** Returns the tokens of all outputs. */
    public long outputTokens() {
        return whole("output_tokens");
    }

    /** Returns the percentiles of {@code ttft_ms}, {@code tpot_ms} or {@code e2e_ms}. */
    public Percentiles percentilesOf(String column) {
        return distributionOf(column)
                .map(them -> new Percentiles(them.quantile(0.5), them.quantile(0.9), them.quantile(0.99)))
                .orElse(new Percentiles(null, null, null));
    }

    /**
     * Returns the distribution of one of these columns, or of {@code prompt_tokens} or {@code output_tokens}, over the rows without error;
     * empty if there are no such rows.
     */
    public Optional<Distribution> distributionOf(String column) {
        Object values = seen().get(spread(column));
        if (values == null) {
            return Optional.empty();
        }
        List<?> found = values instanceof Seq<?> seq ? JavaConverters.seqAsJavaList(seq) : (List<?>) values;
        return Optional.of(
                new Distribution(found.stream().map(Double.class::cast).toList(), whole(counted(column))));
    }

    private long whole(String name) {
        Object value = seen().get(name);
        return value == null ? 0 : (Long) value;
    }

    private Map<String, Object> seen() {
        return observed(observation);
    }

    private static Column lengths(String column) {
        return when(col("error").isNull(), col(column));
    }

    private static Column thousandths(Column values) {
        double[] shares = IntStream.rangeClosed(0, Distribution.PARTS)
                .mapToDouble(i -> (double) i / Distribution.PARTS)
                .toArray();
        return percentile_approx(values.cast("double"), lit(shares), lit(ACCURACY));
    }

    private static String counted(String column) {
        return column + "_counted";
    }

    private static String spread(String column) {
        return column + "_spread";
    }

    /** Returns the figures that Spark counted while it wrote. */
    static Map<String, Object> observed(Observation observation) {
        try {
            return observation.getAsJava();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("stopped while counting what was written", stopped);
        }
    }
}
