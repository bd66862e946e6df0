package nighttrain.pipeline.resume;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.sha2;
import static org.apache.spark.sql.functions.struct;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.read.RowNames;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;

/**
 * Outputs that are copies: another row of the input has the same prompt, and greedy decoding gives both the same output. The original
 * is the first in the input, or the first finished one if the job began without --dedup. They are found once per job and kept in its
 * folder for later runs.
 */
public final class Duplicates {
    private static final String[] KEY = {RowNames.FILE, RowNames.ROW, RowNames.SAMPLE};
    /** Column with the key of a copy's original. */
    private static final String ORIGINAL = "original";

    /** For each copy its key, its id and the key of its original. */
    private final Optional<Dataset<Row>> copies;

    private Duplicates(Optional<Dataset<Row>> copies) {
        this.copies = copies;
    }

    /** Returns a list without copies. */
    public static Duplicates none() {
        return new Duplicates(Optional.empty());
    }

    /** Finds the copies among these prompts; the journal may have finished some prompts. */
    public static Duplicates among(Dataset<Row> prompts, JournalTable journal, JobFolder folder, Path scratch) {
        if (!folder.hasDuplicates()) {
            search(prompts, journal).write().mode("overwrite").parquet(scratch.toString());
            folder.replace(scratch, folder.duplicates());
        }
        return new Duplicates(Optional.of(prompts.sparkSession().read().parquet(JobFolder.read(folder.duplicates()))));
    }

    /** Searches for copies. A null prompt has none: its error names its own row. */
    private static Dataset<Row> search(Dataset<Row> prompts, JournalTable journal) {
        Column request =
                sha2(coalesce(col(RowNames.PROMPT), col(RowNames.MESSAGES)).cast("binary"), 256);
        WindowSpec alike = Window.partitionBy("request")
                .orderBy(col("finished").desc(), col(RowNames.POSITION), col(RowNames.SAMPLE));
        Dataset<Row> requests = prompts.select(
                        names(List.of(KEY), RowNames.ID, RowNames.POSITION, request.as("request")))
                .filter(col("request").isNotNull());
        return journal.mark(requests, "finished")
                .withColumn(ORIGINAL, first(struct(names(List.of(KEY)))).over(alike))
                .withColumn("nth", row_number().over(alike))
                .filter("nth > 1")
                .select(names(List.of(KEY), RowNames.ID, ORIGINAL));
    }

    /** The number of copies. */
    public long count() {
        return copies.map(Dataset::count).orElse(0L);
    }

    /** Returns prompts or journal rows without those of copies. */
    public Dataset<Row> leaveOut(Dataset<Row> rows) {
        return copies.map(them -> rows.join(them.select(names(List.of(KEY))), KEY, "left_anti"))
                .orElse(rows);
    }

    /** Returns the journal rows, and for every copy the row of its original under the copy's key and id. */
    public Dataset<Row> answered(Dataset<Row> results) {
        return copies.map(them -> results.unionByName(copied(them, results))).orElse(results);
    }

    private static Dataset<Row> copied(Dataset<Row> copies, Dataset<Row> results) {
        Column same = Arrays.stream(KEY)
                .map(name -> copies.col(ORIGINAL).getField(name).equalTo(results.col(name)))
                .reduce(Column::and)
                .orElseThrow();
        List<String> own = List.of(RowNames.FILE, RowNames.ROW, RowNames.SAMPLE, RowNames.ID);
        // Copies are on the left: for a prompt of a million rows Spark then buffers the one answer, not the million
        // copies.
        return copies.join(results, same)
                .select(Arrays.stream(results.columns())
                        .map(name -> own.contains(name) ? copies.col(name) : results.col(name))
                        .toArray(Column[]::new));
    }

    private static Column[] names(List<String> first, Object... more) {
        return Stream.concat(first.stream(), Arrays.stream(more))
                .map(it -> it instanceof Column column ? column : col((String) it))
                .toArray(Column[]::new);
    }
}
