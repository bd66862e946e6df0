package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.col;

import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Parquet files: Spark says which file a row comes from and where it lies in it.
 *
 * @param table the files' rows
 * @param files the files
 */
record ParquetSource(Dataset<Row> table, InputFiles files) implements InputSource {
    @Override
    public String identity(List<String> columns) {
        return files.identity();
    }

    @Override
    public PlacedRows place(List<String> columns, Path staged, Path scratch) {
        Dataset<Row> physical = PlacedRows.physical(table, columns, col("_metadata.file_path"));
        List<Segment.Found> found = PlacedRows.segments(physical, files::relative);
        return new PlacedRows(physical, Segment.inOrder(byFile(found)));
    }

    private static List<Segment.Found> byFile(List<Segment.Found> found) {
        return found.stream()
                .sorted(java.util.Comparator.comparing(Segment.Found::file))
                .toList();
    }
}
