package nighttrain.pipeline.resume;

import static java.util.stream.Collectors.partitioningBy;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.io.IOException;
import java.sql.Timestamp;
import java.time.Instant;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.rows.MetricsRow;
import nighttrain.io.rows.ResultRow;
import nighttrain.io.rows.RowType;
import nighttrain.io.rows.RowType.ColumnType;
import nighttrain.pipeline.job.JobFolder;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.apache.spark.util.TaskCompletionListener;

/** Reads a journal's files as tables, in Spark's tasks. */
public final class JournalTable {
    /** Columns of {@link #results}. */
    public static final StructType RESULTS = schema(ResultRow.TYPE);

    /** Columns of {@link #metrics}. */
    public static final StructType METRICS = schema(MetricsRow.TYPE);

    /** Columns that name an output. */
    static final String[] KEY = {"file", "row", "sample"};

    private final SparkSession spark;
    private final Journal journal;
    private final ForgottenErrors forgotten;
    private final Broadcast<SerializableConfiguration> hadoop;

    /** Opens the journal of a job. {@code hadoop}: configuration by which tasks reach the journal's files. */
    public JournalTable(SparkSession spark, JobFolder folder, Broadcast<SerializableConfiguration> hadoop) {
        this.spark = spark;
        this.journal = folder.journal();
        this.forgotten = ForgottenErrors.of(folder);
        this.hadoop = hadoop;
    }

    /** Whether no task has written a row. */
    public boolean isEmpty() {
        return journal.resultFiles().isEmpty();
    }

    /** Returns the finished rows. A row that two runs finished occurs twice. */
    public Dataset<Row> results() {
        Map<Boolean, List<FileStatus>> files =
                journal.resultFiles().stream().collect(partitioningBy(file -> forgotten.covers(file.getPath())));
        Dataset<Row> results = results(files.get(false));
        return files.get(true).isEmpty()
                ? results
                : results.union(results(files.get(true)).filter(col("error").isNull()));
    }

    private Dataset<Row> results(List<FileStatus> files) {
        Broadcast<SerializableConfiguration> conf = hadoop;
        return read(files, RESULTS, file -> rows(ResultRow.TYPE, Journal.read(fileSystem(file, conf), new Path(file))));
    }

    /** Returns the prompts that are not finished yet. */
    public Dataset<Row> leaveOutFinished(Dataset<Row> prompts) {
        return isEmpty() ? prompts : prompts.join(finished(), KEY, "left_anti");
    }

    /** Returns the prompts with a column of this name that says whether they are finished. */
    Dataset<Row> mark(Dataset<Row> prompts, String column) {
        if (isEmpty()) {
            return prompts.withColumn(column, lit(false));
        }
        return prompts.join(finished().withColumn(column, lit(true)), KEY, "left")
                .withColumn(column, coalesce(col(column), lit(false)));
    }

    private Dataset<Row> finished() {
        return results().select(col(KEY[0]), col(KEY[1]), col(KEY[2])).distinct();
    }

    /** Returns the samples of the engines' counters. */
    public Dataset<Row> metrics() {
        Broadcast<SerializableConfiguration> conf = hadoop;
        return read(
                journal.metricFiles(),
                METRICS,
                file -> rows(MetricsRow.TYPE, Journal.readMetrics(fileSystem(file, conf), new Path(file))));
    }

    private Dataset<Row> read(List<FileStatus> statuses, StructType schema, FlatMapFunction<String, Row> reader) {
        List<String> paths =
                statuses.stream().map(file -> file.getPath().toString()).toList();
        int tasks = Math.max(1, Math.min(paths.size(), 4 * spark.sparkContext().defaultParallelism()));
        JavaRDD<String> files =
                JavaSparkContext.fromSparkContext(spark.sparkContext()).parallelize(paths, tasks);
        return spark.createDataset(files.rdd(), Encoders.STRING()).flatMap(reader, Encoders.row(schema));
    }

    private static FileSystem fileSystem(String file, Broadcast<SerializableConfiguration> hadoop) throws IOException {
        return new Path(file).getFileSystem(hadoop.value().value());
    }

    private static <T extends Record> Iterator<Row> rows(RowType<T> type, JournalReader<T> reader) {
        TaskContext.get().addTaskCompletionListener((TaskCompletionListener) task -> reader.close());
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return reader.hasNext();
            }

            @Override
            public Row next() {
                T row = reader.next();
                Object[] values = new Object[type.columns().size()];
                for (int i = 0; i < values.length; i++) {
                    values[i] = value(type.columns().get(i).value().apply(row));
                }
                return RowFactory.create(values);
            }
        };
    }

    private static StructType schema(RowType<?> rows) {
        return new StructType(rows.columns().stream()
                .map(column -> new StructField(column.name(), type(column.type()), column.nullable(), Metadata.empty()))
                .toArray(StructField[]::new));
    }

    private static DataType type(ColumnType type) {
        return switch (type) {
            case TEXT -> DataTypes.StringType;
            case INT32 -> DataTypes.IntegerType;
            case INT64 -> DataTypes.LongType;
            case FLOAT64 -> DataTypes.DoubleType;
            case INT32_LIST -> DataTypes.createArrayType(DataTypes.IntegerType);
            case INSTANT -> DataTypes.TimestampType;
        };
    }

    /** Returns the value as Spark represents it. */
    private static Object value(Object value) {
        return value instanceof Instant instant ? Timestamp.from(instant) : value;
    }
}
