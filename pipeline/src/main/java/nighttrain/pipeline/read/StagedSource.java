package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.monotonically_increasing_id;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.xxhash64;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import nighttrain.pipeline.job.JobFolder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * A table that is not plain Parquet files. Its rows are first written as Parquet, in order, because rows have stable places only there. An
 * unfinished job keeps these files, so that a re-run finds the same places even if the source now returns another order. If the re-run uses
 * another column, they are written again: for a source with files, the files determine the places again, and another use of other rows
 * counts as another input.
 *
 * @param table the rows
 * @param files the files that the rows come from; empty where they do not come from files
 */
record StagedSource(Dataset<Row> table, Optional<InputFiles> files) implements InputSource {
    private static final String ORIGIN = PlacedRows.ORIGIN;
    private static final String BLOCK = "_nt_block";
    private static final String SERIAL = "_nt_serial";
    /** File name of rows that come from no file. */
    private static final String NO_FILE = "input";

    @Override
    public Dataset<Row> table(List<String> columns) {
        return table.select(PlacedRows.quoted(columns));
    }

    @Override
    public StructType schema() {
        return table.schema();
    }

    @Override
    public boolean isEmpty() {
        return table.isEmpty();
    }

    @Override
    public String identity(List<String> columns) {
        return files.map(InputFiles::identity).orElseGet(() -> contentDigest(columns));
    }

    /** Returns the identity of rows without files: a digest of their contents that ignores their order, since Spark may not repeat it. */
    private String contentDigest(List<String> columns) {
        Column row = xxhash64(to_json(struct(PlacedRows.quoted(columns))));
        Row digest = table.agg(count(lit(1)), sum(row.cast(DataTypes.createDecimalType(20, 0))))
                .head();
        return digest.getLong(0) + " rows, " + digest.get(1);
    }

    @Override
    public PlacedRows place(List<String> columns, Path staged, Path scratch) {
        try {
            FileSystem fs =
                    staged.getFileSystem(table.sparkSession().sessionState().newHadoopConf());
            if (!fs.exists(staged) || !has(staged, columns)) {
                fs.delete(staged, true);
                ordered(columns).write().mode("overwrite").parquet(scratch.toString());
                fs.mkdirs(staged.getParent());
                if (!fs.rename(scratch, staged)) {
                    throw new IOException("cannot rename " + scratch + " to " + staged);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Dataset<Row> physical =
                PlacedRows.physical(table.sparkSession().read().parquet(JobFolder.read(staged)), columns, col(ORIGIN));
        List<Segment.Found> found = PlacedRows.segments(physical, this::fileName).stream()
                .sorted(Comparator.comparing(Segment.Found::part).thenComparing(Segment.Found::firstIndex))
                .toList();
        return new PlacedRows(physical, Segment.inOrder(found));
    }

    private boolean has(Path staged, List<String> columns) {
        List<String> there = List.of(
                table.sparkSession().read().parquet(JobFolder.read(staged)).columns());
        return there.containsAll(columns);
    }

    /** Returns the rows in order: rows of files by file, block and order within it; other rows in the order of their partitions. */
    private Dataset<Row> ordered(List<String> columns) {
        Column[] used = PlacedRows.quoted(columns);
        if (files.isEmpty()) {
            return table.select(used).withColumn(ORIGIN, lit(NO_FILE));
        }
        return table.select(PlacedRows.with(
                        used,
                        PlacedRows.metadata(table, "file_path").as(ORIGIN),
                        PlacedRows.metadata(table, "file_block_start").as(BLOCK),
                        monotonically_increasing_id().as(SERIAL)))
                .repartitionByRange(col(ORIGIN), col(BLOCK), col(SERIAL))
                .sortWithinPartitions(ORIGIN, BLOCK, SERIAL)
                .drop(BLOCK, SERIAL);
    }

    private String fileName(String origin) {
        return files.map(known -> known.relative(origin)).orElse(origin);
    }
}
