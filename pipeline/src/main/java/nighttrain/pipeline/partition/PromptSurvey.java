package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.udf;

import java.util.Arrays;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Observation;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;

/** What one pass over the prompts tells of them all: a histogram and some sketches, as large for ten rows as for a billion. */
record PromptSurvey(LengthHistogram lengths, PrefixGroups groups) {
    static PromptSurvey of(Dataset<Row> prompts, TokenEstimate estimate, Slots slots) {
        Observation beginnings = new Observation("night-train-beginnings");
        PrefixGroupSearch rule = new PrefixGroupSearch(slots);
        Column[] asked = rule.asked();
        Column lengthClass = udf((UDF1<Long, Integer>) LengthClass::of, DataTypes.IntegerType)
                .apply(col("tokens"));
        LengthHistogram lengths = new LengthHistogram();
        prompts.observe(beginnings, asked[0], Arrays.copyOfRange(asked, 1, asked.length))
                .select(estimate.tokens().as("tokens"))
                .groupBy(lengthClass)
                .agg(count(lit(1)), sum("tokens"))
                .collectAsList()
                .forEach(found -> lengths.add(found.getInt(0), found.getLong(1), found.getLong(2)));
        return new PromptSurvey(lengths, rule.groups(seen(beginnings)));
    }

    private static Map<String, Object> seen(Observation observation) {
        try {
            return observation.getAsJava();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("stopped while surveying the prompts", stopped);
        }
    }
}
