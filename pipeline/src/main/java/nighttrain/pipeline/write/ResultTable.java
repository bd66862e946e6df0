package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;

import java.util.Map;
import java.util.stream.Stream;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.read.RowNames;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.skip.JournalTable;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;

/** The journal of a job, as its results: each input row once, in input order, from file to file and within files. */
public final class ResultTable {
    /** Large enough to read well, small enough that a cluster writes in parallel. */
    private static final long ROWS_PER_FILE = 100_000;

    private final PromptTable prompts;
    private final JournalTable journal;
    private final GenerateOptions options;

    public ResultTable(PromptTable prompts, JournalTable journal, GenerateOptions options) {
        this.prompts = prompts;
        this.journal = journal;
        this.options = options;
    }

    /** Writes Parquet files that carry {@code provenance} in their footers; what was written adds up to {@code figures}. */
    public void write(Path folder, Map<String, String> provenance, RowFigures figures) {
        DataFrameWriter<Row> writer = figures.watch(merged())
                .select(ResultColumns.select(options))
                .write()
                .format(ProvenanceParquet.class.getName())
                .mode("overwrite");
        provenance.forEach((key, value) -> writer.option(ProvenanceParquet.OPTION_PREFIX + key, value));
        writer.save(folder.toString());
    }

    /** One shuffle brings input rows and journal rows to where their place in the input says. */
    private Dataset<Row> merged() {
        Dataset<Row> both = results().union(inputs());
        int files = (int) (1 + (prompts.rows() * options.samples() - 1) / ROWS_PER_FILE);
        Column file = expr("cast(" + RowNames.POSITION + " * " + files + "L div " + prompts.rows() + "L as int)");
        return both.repartitionById(files, file)
                .sortWithinPartitions(RowNames.POSITION, RowNames.SAMPLE)
                .mapPartitions(new MergeRows(options.samples()), Encoders.row(both.schema()));
    }

    /** Journal rows; kept is null. */
    private Dataset<Row> results() {
        DataType kept = prompts.kept().schema().apply(RowNames.KEPT).dataType();
        return arranged(journal.results()
                .join(broadcast(prompts.fileStarts()), RowNames.FILE)
                .withColumn(RowNames.POSITION, col("start").plus(col(RowNames.ROW)))
                .filter(col(RowNames.POSITION).lt(lit(prompts.rows())))
                .withColumn(RowNames.KEPT, lit(null).cast(kept)));
    }

    /** Input rows; what the journal tells is null. */
    private Dataset<Row> inputs() {
        Dataset<Row> inputs = prompts.kept().withColumn(RowNames.SAMPLE, lit(MergeRows.INPUT));
        for (StructField field : JournalTable.RESULTS.fields()) {
            if (!field.name().equals(RowNames.SAMPLE)) {
                inputs = inputs.withColumn(field.name(), lit(null).cast(field.dataType()));
            }
        }
        return arranged(inputs);
    }

    /** Columns as {@link MergeRows} expects them. */
    private static Dataset<Row> arranged(Dataset<Row> rows) {
        Stream<String> rest =
                Stream.of(JournalTable.RESULTS.fieldNames()).filter(name -> !MergeRows.KEY.contains(name));
        Stream<String> first = Stream.of(RowNames.POSITION, RowNames.SAMPLE, RowNames.KEPT);
        return rows.select(Stream.concat(first, rest).map(functions::col).toArray(Column[]::new));
    }
}
