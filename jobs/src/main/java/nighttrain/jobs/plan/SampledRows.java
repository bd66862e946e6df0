package nighttrain.jobs.plan;

import static org.apache.spark.sql.functions.rand;

import java.util.List;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.write.ResultColumns;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * Rows of an input, chosen by chance, in the order of chance.
 *
 * @param outputs that the whole job has
 * @param rows at least one
 */
record SampledRows(SparkSession spark, StructType schema, long outputs, List<Row> rows) {
    private static final long SEED = 7;
    /** More than are wanted, since each row is taken or left for itself. */
    private static final double MARGIN = 2;

    private static final double AT_LEAST = 1000;

    /** {@code most}: fewer where the input has fewer. */
    static SampledRows of(SparkSession spark, GenerateOptions job, int most) {
        InputSource source = new InputReader(spark).open(job.input());
        source.requireRows(job.input().path().orElse("the input"));
        Dataset<Row> used = source.table(
                InputColumns.of(source.schema(), job, ResultColumns.names(job)).used());
        Dataset<Row> table = job.input()
                .limit()
                .map(limit -> used.limit((int) Math.min(Integer.MAX_VALUE, limit)))
                .orElse(used);
        long count = table.count();
        double share = Math.min(1, (MARGIN * most + AT_LEAST) / count);
        List<Row> rows =
                table.sample(share, SEED).orderBy(rand(SEED)).limit(most).collectAsList();
        return new SampledRows(spark, table.schema(), count * job.samples(), rows);
    }

    int size() {
        return rows.size();
    }

    Dataset<Row> all() {
        return first(rows.size());
    }

    Dataset<Row> first(int count) {
        return spark.createDataFrame(rows.subList(0, count), schema);
    }

    /** {@code count} rows after the first {@code before}; the last row, where there are none. */
    Dataset<Row> after(int before, int count) {
        int from = Math.min(before, rows.size() - 1);
        return spark.createDataFrame(rows.subList(from, Math.max(from + 1, before + count)), schema);
    }
}
