package nighttrain.pipeline.partition;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.read.RowNames;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;

/**
 * The mean lengths of some of a job's prompts: the first rows of a few places in the input. An engine that has to choose its batch waits for
 * them; it would wait for minutes for those of all prompts, which are surveyed while it loads.
 */
public final class Glance {
    private static final int PLACES = 8;
    /** Enough in all for a mean within some percent, and less than Spark reads of a file at a time. */
    private static final int ROWS_PER_PLACE = 512;

    private Glance() {}

    /** Those of a source; unknown without rows. */
    public static Lengths at(InputSource source, InputColumns columns, TokenEstimate estimate) {
        Dataset<Row> table = source.table(columns.used());
        SparkContext spark = table.sparkSession().sparkContext();
        spark.setJobDescription("Night Train: glance at prompts");
        try {
            JavaRDD<Long> tokens = table.select(
                            columns.prompt().prompt().as(RowNames.PROMPT),
                            columns.prompt().messages().as(RowNames.MESSAGES))
                    .select(estimate.tokens())
                    .as(Encoders.LONG())
                    .javaRDD()
                    .mapPartitions(Glance::first);
            long[] seen = Arrays.stream(tokens.collectPartitions(places(tokens.getNumPartitions())))
                    .flatMap(List::stream)
                    .mapToLong(Long::longValue)
                    .toArray();
            return seen.length == 0
                    ? Lengths.UNKNOWN
                    : estimate.lengths(Arrays.stream(seen).sum() / seen.length);
        } finally {
            spark.setJobDescription(null);
        }
    }

    private static int[] places(int partitions) {
        int places = Math.min(PLACES, partitions);
        return IntStream.range(0, places)
                .map(place -> (int) ((long) place * partitions / places))
                .toArray();
    }

    private static Iterator<Long> first(Iterator<Long> rows) {
        List<Long> first = new ArrayList<>();
        while (first.size() < ROWS_PER_PLACE && rows.hasNext()) {
            first.add(rows.next());
        }
        return first.iterator();
    }
}
