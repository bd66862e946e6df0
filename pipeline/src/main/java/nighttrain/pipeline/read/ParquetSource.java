package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.col;

import java.util.Comparator;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Parquet files: Spark says which file a row comes from and where it lies in it. */
final class ParquetSource implements InputSource {
    private final Dataset<Row> table;
    private final InputFiles files;
    private List<Segment> segments;

    ParquetSource(Dataset<Row> table, InputFiles files) {
        this.table = table;
        this.files = files;
    }

    @Override
    public Dataset<Row> table() {
        return table;
    }

    @Override
    public boolean isEmpty() {
        return segments().isEmpty();
    }

    @Override
    public String identity(List<String> columns) {
        return files.identity();
    }

    @Override
    public PlacedRows place(List<String> columns, Path staged, Path scratch) {
        return new PlacedRows(physical(columns), segments());
    }

    private Dataset<Row> physical(List<String> columns) {
        return PlacedRows.physical(table, columns, col("_metadata.file_path"));
    }

    /** Counted once: it takes a pass over the files' footers. */
    private List<Segment> segments() {
        if (segments == null) {
            List<Segment.Found> found = PlacedRows.segments(physical(List.of()), files::relative);
            segments = Segment.inOrder(found.stream()
                    .sorted(Comparator.comparing(Segment.Found::file))
                    .toList());
        }
        return segments;
    }
}
