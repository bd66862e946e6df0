package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.regexp_replace;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Rows in physical files, and the place of each file in the input. The added columns have names that no user's column has.
 *
 * @param physical the columns in use, and for each row its physical file, its index in that file and its input file
 * @param segments segments in the order of the input
 */
record PlacedRows(Dataset<Row> physical, List<Segment> segments) {
    static final String PART = "_nt_part";
    static final String ORIGIN = "_nt_origin";
    static final String INDEX = "_nt_index";
    static final String FILE = "_nt_file";
    static final String ROW = "_nt_row";
    static final String POSITION = "_nt_position";
    private static final Set<String> OWN = Set.of(PART, ORIGIN, INDEX);

    static Dataset<Row> physical(Dataset<Row> parquet, List<String> columns, Column origin) {
        return parquet.select(with(
                quoted(columns),
                origin.as(ORIGIN),
                part(parquet).as(PART),
                metadata(parquet, "row_index").as(INDEX)));
    }

    /**
     * Returns a row's physical file as the path of its URI. The scheme and host are cut off: Spark writes them differently depending on how
     * it found the file.
     */
    static Column part(Dataset<Row> files) {
        return regexp_replace(metadata(files, "file_path"), "^[^/:]+:(//[^/]*)?", "");
    }

    /** Returns a field of the metadata that Spark has of a row's file, even if the user has a column of the same name. */
    static Column metadata(Dataset<Row> files, String field) {
        return files.metadataColumn("_metadata").getField(field);
    }

    /** Finds the segments, in no order: one for each pair of physical file and origin, never one per row. */
    static List<Segment.Found> segments(Dataset<Row> physical, UnaryOperator<String> fileName) {
        return physical
                .groupBy(PART, ORIGIN)
                .agg(min(INDEX).as("first"), count(lit(1)).as("rows"))
                .collectAsList()
                .stream()
                .map(row -> new Segment.Found(
                        row.getString(0),
                        row.getString(1),
                        fileName.apply(row.getString(1)),
                        row.getLong(2),
                        row.getLong(3)))
                .toList();
    }

    /** Returns the columns in use with each row's {@link #FILE}, {@link #ROW} and {@link #POSITION}. */
    Dataset<Row> keyed() {
        Column[] columns = Arrays.stream(physical.columns())
                .filter(name -> !OWN.contains(name))
                .map(Columns::quoted)
                .toArray(Column[]::new);
        return physical.join(broadcast(segmentTable()), new String[] {PART, ORIGIN})
                .select(with(
                        columns,
                        col(FILE),
                        col(INDEX).plus(col("_nt_row_shift")).as(ROW),
                        col(INDEX).plus(col("_nt_position_shift")).as(POSITION)));
    }

    private Dataset<Row> segmentTable() {
        StructType schema = new StructType()
                .add(PART, DataTypes.StringType)
                .add(ORIGIN, DataTypes.StringType)
                .add(FILE, DataTypes.StringType)
                .add("_nt_row_shift", DataTypes.LongType)
                .add("_nt_position_shift", DataTypes.LongType);
        List<Row> rows = segments.stream()
                .map(it -> RowFactory.create(it.part(), it.origin(), it.file(), it.rowShift(), it.positionShift()))
                .toList();
        return physical.sparkSession().createDataset(rows, Encoders.row(schema));
    }

    static Column[] quoted(List<String> columns) {
        return columns.stream().map(Columns::quoted).toArray(Column[]::new);
    }

    static Column[] with(Column[] columns, Column... more) {
        return Stream.concat(Arrays.stream(columns), Arrays.stream(more)).toArray(Column[]::new);
    }
}
