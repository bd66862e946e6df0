package nighttrain.pipeline.skip;

import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.table.MetricsRow;
import nighttrain.io.table.ResultRow;
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
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.apache.spark.util.TaskCompletionListener;

/** A journal's files as tables, read where Spark's tasks run. */
public final class JournalTable {
    /** Columns of {@link #results}. */
    public static final StructType RESULTS = new StructType()
            .add("file", DataTypes.StringType)
            .add("row", DataTypes.LongType)
            .add("sample", DataTypes.IntegerType)
            .add("id", DataTypes.StringType)
            .add("text", DataTypes.StringType)
            .add("finish_reason", DataTypes.StringType)
            .add("prompt_tokens", DataTypes.IntegerType)
            .add("output_tokens", DataTypes.IntegerType)
            .add("error", DataTypes.StringType)
            .add("error_message", DataTypes.StringType)
            .add("ttft_ms", DataTypes.DoubleType)
            .add("tpot_ms", DataTypes.DoubleType)
            .add("e2e_ms", DataTypes.DoubleType)
            .add("attempts", DataTypes.IntegerType)
            .add("executor", DataTypes.StringType)
            .add("token_ids", DataTypes.createArrayType(DataTypes.IntegerType))
            .add("logprobs", DataTypes.StringType)
            .add("prompt_logprobs", DataTypes.StringType);

    private static final StructType METRICS = new StructType()
            .add("executor", DataTypes.StringType)
            .add("replica", DataTypes.IntegerType)
            .add("at", DataTypes.TimestampType)
            .add("interval_ms", DataTypes.LongType)
            .add("running", DataTypes.IntegerType)
            .add("waiting", DataTypes.IntegerType)
            .add("prompt_tokens", DataTypes.LongType)
            .add("cached_prompt_tokens", DataTypes.LongType)
            .add("output_tokens", DataTypes.LongType)
            .add("steps", DataTypes.LongType)
            .add("step_ms", DataTypes.DoubleType)
            .add("comm_ms", DataTypes.DoubleType)
            .add("kv_used", DataTypes.IntegerType)
            .add("kv_pages", DataTypes.IntegerType)
            .add("gpu_util", DataTypes.DoubleType)
            .add("gpu_memory_bytes", DataTypes.LongType)
            .add("gpu_watts", DataTypes.DoubleType);

    private final SparkSession spark;
    private final Journal journal;
    private final Broadcast<SerializableConfiguration> hadoop;

    /** {@code hadoop}: how tasks reach the journal's files. */
    public JournalTable(SparkSession spark, Journal journal, Broadcast<SerializableConfiguration> hadoop) {
        this.spark = spark;
        this.journal = journal;
        this.hadoop = hadoop;
    }

    /** Whether any task ever wrote a row. */
    public boolean isEmpty() {
        return journal.resultFiles().isEmpty();
    }

    /** Finished rows; one that two runs finished is there twice. */
    public Dataset<Row> results() {
        Broadcast<SerializableConfiguration> conf = hadoop;
        return read(
                journal.resultFiles(),
                RESULTS,
                file -> rows(Journal.read(fileSystem(file, conf), new Path(file)), JournalTable::row));
    }

    /** Engine counters. */
    public Dataset<Row> metrics() {
        Broadcast<SerializableConfiguration> conf = hadoop;
        return read(
                journal.metricFiles(),
                METRICS,
                file -> rows(Journal.readMetrics(fileSystem(file, conf), new Path(file)), JournalTable::row));
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

    private static <T> Iterator<Row> rows(JournalReader<T> reader, Function<T, Row> row) {
        TaskContext.get().addTaskCompletionListener((TaskCompletionListener) task -> reader.close());
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return reader.hasNext();
            }

            @Override
            public Row next() {
                return row.apply(reader.next());
            }
        };
    }

    private static Row row(ResultRow it) {
        return RowFactory.create(
                it.file(),
                it.row(),
                it.sample(),
                it.id(),
                it.text(),
                it.finishReason(),
                it.promptTokens(),
                it.outputTokens(),
                it.error(),
                it.errorMessage(),
                it.ttftMs(),
                it.tpotMs(),
                it.e2eMs(),
                it.attempts(),
                it.executor(),
                it.tokenIds(),
                it.logprobsJson(),
                it.promptLogprobsJson());
    }

    private static Row row(MetricsRow it) {
        return RowFactory.create(
                it.executor(),
                it.replica(),
                java.sql.Timestamp.from(it.at()),
                it.intervalMs(),
                it.running(),
                it.waiting(),
                it.promptTokens(),
                it.cachedPromptTokens(),
                it.outputTokens(),
                it.steps(),
                it.stepMs(),
                it.commMs(),
                it.kvUsed(),
                it.kvPages(),
                it.gpuUtil(),
                it.gpuMemoryBytes(),
                it.gpuWatts());
    }
}
