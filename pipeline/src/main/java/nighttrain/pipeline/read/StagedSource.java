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
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Any other table: its rows are first written as Parquet, in order, because only there a row has a stable place. An
 * unfinished job keeps these files, so that a re-run meets the same places even if the source now gives another order. Where it uses
 * another column now, they are written again: places of rows that come from files follow from these, and other rows that are used
 * otherwise are another input.
 *
 * @param table the rows
 * @param files the files that they come from, where they come from files
 */
record StagedSource(Dataset<Row> table, Optional<InputFiles> files) implements InputSource {
    private static final String ORIGIN = PlacedRows.ORIGIN;
    private static final String BLOCK = "_nt_block";
    private static final String SERIAL = "_nt_serial";
    /** What rows without a file are called after. */
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

    /** Without files the rows themselves tell; their order does not, since Spark need not repeat it. */
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
                PlacedRows.physical(table.sparkSession().read().parquet(staged.toString()), columns, col(ORIGIN));
        List<Segment.Found> found = PlacedRows.segments(physical, this::fileName).stream()
                .sorted(Comparator.comparing(Segment.Found::part).thenComparing(Segment.Found::firstIndex))
                .toList();
        return new PlacedRows(physical, Segment.inOrder(found));
    }

    private boolean has(Path staged, List<String> columns) {
        List<String> there =
                List.of(table.sparkSession().read().parquet(staged.toString()).columns());
        return there.containsAll(columns);
    }

    /** Rows of files by file, block and order in it; others as their partitions come. */
    private Dataset<Row> ordered(List<String> columns) {
        Column[] used = PlacedRows.quoted(columns);
        if (files.isEmpty()) {
            return table.select(used).withColumn(ORIGIN, lit(NO_FILE));
        }
        return table.select(PlacedRows.with(
                        used,
                        col("_metadata.file_path").as(ORIGIN),
                        col("_metadata.file_block_start").as(BLOCK),
                        monotonically_increasing_id().as(SERIAL)))
                .repartitionByRange(col(ORIGIN), col(BLOCK), col(SERIAL))
                .sortWithinPartitions(ORIGIN, BLOCK, SERIAL)
                .drop(BLOCK, SERIAL);
    }

    private String fileName(String origin) {
        return files.map(known -> known.relative(origin)).orElse(origin);
    }
}
