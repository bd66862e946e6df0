package nighttrain.pipeline.runreport;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.floor;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.unix_millis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import nighttrain.pipeline.write.MetricsTable;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;

/**
 * The executors' activity over time, in stretches of equal length. There are few enough stretches to draw, however long the run.
 *
 * @param stretchS length of a stretch, in seconds
 * @param stretches number of stretches
 * @param executors values by executor and measure, one per stretch; NaN for no value
 */
record Activity(double stretchS, int stretches, Map<String, Map<Measure, List<Double>>> executors) {
    private static final int MOST = 240;
    /** Lengths of stretches. Engines are sampled about every second, so two seconds always contain a sample. */
    private static final long[] STRETCHES_S = {2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600};

    private static final Set<String> KEYS = Set.of("executor", "replica", "at", "interval_ms");

    /** Columns that are averaged over replicas; the others are summed. */
    private static final Set<String> MEANS = Set.of("gpu_util", "expert_imbalance");

    private static final double MS_PER_S = 1000;
    private static final Comparator<String> BY_NUMBER =
            Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder());

    /** Reads the activity from the metrics table. One task reads it, as one task wrote it. */
    static Activity in(Dataset<Row> samples, MetricsTable.Sums span) {
        double seconds = (span.endMs() - span.startMs()) / MS_PER_S;
        long stretchS = LongStream.of(STRETCHES_S)
                .filter(s -> seconds <= s * MOST)
                .findFirst()
                .orElse((long) Math.ceil(seconds / MOST));
        int stretches = (int) Math.max(1, Math.ceil(seconds / stretchS));
        Column middle = unix_millis(col("at")).minus(col("interval_ms").divide(lit(2)));
        Column stretch = floor(middle.minus(lit(span.startMs())).divide(lit(stretchS * MS_PER_S)));
        Column[] values = Stream.of(Measure.values()).map(Measure::aggregate).toArray(Column[]::new);
        Dataset<Row> inOrder = samples.coalesce(1);
        // Planning ten more sums takes Spark longer than a small job is sampled, so a single replica skips them.
        List<Row> rows = (span.replicas() > 1 ? engines(inOrder) : inOrder)
                .groupBy(col("executor"), stretch.cast("int").as("stretch"))
                .agg(values[0], Arrays.copyOfRange(values, 1, values.length))
                .collectAsList();
        return new Activity(stretchS, stretches, lanes(rows, stretches));
    }

    /** Combines an executor's replicas, which are sampled at the same moments. */
    private static Dataset<Row> engines(Dataset<Row> replicas) {
        Column[] together = Stream.of(replicas.columns())
                .filter(column -> !KEYS.contains(column))
                .map(column -> (MEANS.contains(column) ? avg(column) : functions.sum(column)).as(column))
                .toArray(Column[]::new);
        return replicas.groupBy("executor", "at", "interval_ms")
                .agg(together[0], Arrays.copyOfRange(together, 1, together.length));
    }

    private static Map<String, Map<Measure, List<Double>>> lanes(List<Row> rows, int stretches) {
        Map<String, Map<Measure, List<Double>>> executors = new TreeMap<>(BY_NUMBER);
        for (Row row : rows) {
            Map<Measure, List<Double>> lanes =
                    executors.computeIfAbsent(row.getAs("executor"), name -> new EnumMap<>(Measure.class));
            int stretch = Math.max(0, Math.min(stretches - 1, row.<Integer>getAs("stretch")));
            for (Measure measure : Measure.values()) {
                Double value = row.getAs(measure.column());
                if (value != null) {
                    lanes.computeIfAbsent(measure, m -> new ArrayList<>(Collections.nCopies(stretches, Double.NaN)))
                            .set(stretch, value);
                }
            }
        }
        return executors;
    }

    double seconds() {
        return stretchS * stretches;
    }

    /** Returns the middles of the stretches, in seconds since the start. */
    List<Double> times() {
        return IntStream.range(0, stretches).mapToObj(i -> (i + 0.5) * stretchS).toList();
    }

    /** Returns the sum over all executors for each stretch; NaN where no executor has a value. */
    List<Double> sum(Measure measure) {
        return IntStream.range(0, stretches)
                .mapToObj(i -> executors.values().stream()
                        .filter(lanes -> lanes.containsKey(measure))
                        .map(lanes -> lanes.get(measure).get(i))
                        .filter(value -> !value.isNaN())
                        .reduce(Double::sum)
                        .orElse(Double.NaN))
                .toList();
    }
}
