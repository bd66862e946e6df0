package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import nighttrain.pipeline.partition.PartitionById;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.read.RowNames;
import nighttrain.pipeline.resume.JournalTable;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Writes the journal of a job as its results: each input row once, in input order across files and within files. */
public final class ResultTable {
    /** Rows of a file: enough to read it efficiently, few enough that a cluster writes in parallel. */
    private static final long ROWS_PER_FILE = 100_000;

    private final PromptTable prompts;
    private final Dataset<Row> answers;
    private final GenerateOptions options;

    /** {@code answers}: journal rows, in the form of {@link JournalTable#results}. */
    public ResultTable(PromptTable prompts, Dataset<Row> answers, GenerateOptions options) {
        this.prompts = prompts;
        this.answers = answers;
        this.options = options;
    }

    /** Returns the columns that a job's results will have; {@code input}: the columns of its input. */
    static StructType schema(SparkSession spark, StructType input, GenerateOptions options) {
        StructType kept = new StructType(
                options.output().keepColumns().stream().map(input::apply).toArray(StructField[]::new));
        StructType merged = new StructType()
                .add(RowNames.POSITION, DataTypes.LongType)
                .add(RowNames.SAMPLE, DataTypes.IntegerType)
                .add(RowNames.KEPT, kept);
        for (StructField field : JournalTable.RESULTS.fields()) {
            merged = MergeRows.KEY.contains(field.name()) ? merged : merged.add(field);
        }
        return spark.createDataset(List.<Row>of(), Encoders.row(merged))
                .select(ResultColumns.select(options))
                .schema();
    }

    /** Writes Parquet files that carry {@code provenance} in their footers, and counts the written rows in {@code figures}. */
    public void write(Path folder, Map<String, String> provenance, RowFigures figures) {
        DataFrameWriter<Row> writer = figures.watch(merged(prompts.kept()))
                .select(ResultColumns.select(options))
                .write()
                .format(ProvenanceParquet.class.getName())
                .mode("overwrite");
        provenance.forEach((key, value) -> writer.option(ProvenanceParquet.OPTION_PREFIX + key, value));
        writer.save(folder.toString());
    }

    /**
     * Writes the responses in the form of the row kind, one line per request, in the order of the requests. Returns whether the row kind
     * has such a form.
     */
    public boolean writeResponses(Path folder) {
        RowKind kind = options.input().kind();
        Optional<Function<StructType, MapFunction<Row, String>>> form =
                kind.responses(options.model(), Instant.now().getEpochSecond());
        if (form.isEmpty()) {
            return false;
        }
        Dataset<Row> merged = merged(prompts.kept(kind.requestColumn().stream().toList()));
        merged.map(form.get().apply(merged.schema()), Encoders.STRING()).write().text(folder.toString());
        return true;
    }

    /** Merges input rows and journal rows; one shuffle brings both to their place in the input. */
    private Dataset<Row> merged(Dataset<Row> kept) {
        Dataset<Row> both =
                results(kept.schema().apply(RowNames.KEPT).dataType()).union(inputs(kept));
        int files = (int) (1 + (prompts.rows() * options.samples() - 1) / ROWS_PER_FILE);
        long rows = Math.max(1, prompts.rows());
        Column file = expr("cast(" + RowNames.POSITION + " * " + files + "L div " + rows + "L as int)");
        return PartitionById.of(both, files, file)
                .sortWithinPartitions(RowNames.POSITION, RowNames.SAMPLE)
                .mapPartitions(new MergeRows(options.samples()), Encoders.row(both.schema()));
    }

    /** Returns the journal rows, with a null of this type as {@code kept}. */
    private Dataset<Row> results(DataType type) {
        Column position = col("start").plus(col(RowNames.ROW));
        return answers.join(broadcast(prompts.fileStarts()), RowNames.FILE)
                .filter(position.lt(lit(prompts.rows())))
                .select(arranged(position, col(RowNames.SAMPLE), lit(null).cast(type), field -> col(field.name())));
    }

    /** Returns the input rows, with nulls in the journal's columns. */
    private static Dataset<Row> inputs(Dataset<Row> kept) {
        return kept.select(arranged(
                col(RowNames.POSITION),
                lit(MergeRows.INPUT),
                col(RowNames.KEPT),
                field -> lit(null).cast(field.dataType())));
    }

    /** Arranges columns in the order that {@link MergeRows} expects. */
    private static Column[] arranged(
            Column position, Column sample, Column kept, Function<StructField, Column> journalColumn) {
        Stream<Column> first =
                Stream.of(position.as(RowNames.POSITION), sample.as(RowNames.SAMPLE), kept.as(RowNames.KEPT));
        Stream<Column> rest = Stream.of(JournalTable.RESULTS.fields())
                .filter(field -> !MergeRows.KEY.contains(field.name()))
                .map(field -> journalColumn.apply(field).as(field.name()));
        return Stream.concat(first, rest).toArray(Column[]::new);
    }
}
