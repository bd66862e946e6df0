package nighttrain.pipeline.read;

import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.io.UserError;
import nighttrain.pipeline.read.InputFiles.InputFile;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An input of Parquet files, in which Spark reports each row's file and position. All footers are read beforehand: they tell the number of
 * rows and which columns Spark can read.
 */
final class ParquetSource implements InputSource {
    private static final Logger LOG = LoggerFactory.getLogger(ParquetSource.class);
    private static final Pattern OF_ANOTHER_FORMAT =
            Pattern.compile("\\.(csv|json|jsonl|ndjson|orc|avro|xml)(\\.(gz|bz2|zst|snappy))?$");

    private final Dataset<Row> table;
    private final StructType schema;
    private final InputFiles files;
    private final List<Segment> segments;

    private ParquetSource(Dataset<Row> table, StructType schema, InputFiles files, List<Segment> segments) {
        this.table = table;
        this.schema = schema;
        this.files = files;
        this.segments = segments;
    }

    /**
     * Opens files.
     *
     * @param reader reader of Parquet, with the options for these files
     * @param listed all files that the input names
     * @param files those of the listed files that are read
     * @param skipCorrupt whether unreadable files are left out
     * @throws UserError for a file that is truncated or not Parquet
     */
    static ParquetSource open(
            SparkSession spark, DataFrameReader reader, InputFiles listed, InputFiles files, boolean skipCorrupt) {
        Map<List<Footer.Column>, String> kinds = new LinkedHashMap<>();
        List<Segment.Found> found = new ArrayList<>();
        List<Footer> footers =
                ReadFooters.of(spark, files.files().stream().map(InputFile::uri).toList());
        for (int i = 0; i < footers.size(); i++) {
            Footer footer = footers.get(i);
            String name = files.files().get(i).name();
            if (footer.fault() == null) {
                kinds.putIfAbsent(footer.columns(), name);
                if (footer.rows() > 0) {
                    String part = URI.create(footer.file()).getRawPath();
                    found.add(new Segment.Found(part, part, name, 0, footer.rows()));
                }
            } else if (skipCorrupt) {
                LOG.warn("left out, as ignoreCorruptFiles asks for: {} ({})", name, footer.fault());
            } else {
                throw unreadable(name, footer.fault());
            }
        }
        boolean caseSensitive = Boolean.parseBoolean(spark.conf().get("spark.sql.caseSensitive", "false"));
        StructType all = ParquetColumns.of(kinds, caseSensitive);
        Dataset<Row> table = reader.schema(readable(all)).load(files.pattern());
        return new ParquetSource(table, withPartitions(all, table.schema(), files), listed, Segment.inOrder(found));
    }

    private static UserError unreadable(String name, String fault) {
        Matcher other = OF_ANOTHER_FORMAT.matcher(name);
        String among = "choose among the files by --format-option pathGlobFilter=*.parquet";
        return UserError.of(
                "cannot read Parquet file",
                name,
                other.find()
                        ? "its name is that of another format; give --format " + other.group(1) + ", or " + among
                        : fault + "; write it again or remove it, " + among
                                + ", or give --format NAME if it is not Parquet");
    }

    private static StructType readable(StructType all) {
        return new StructType(Arrays.stream(all.fields())
                .filter(field -> !Flaw.isIn(field))
                .map(Flaw::without)
                .toArray(StructField[]::new));
    }

    /** Returns the columns of files and of partition folders; a partition column replaces a file's column of the same name. */
    private static StructType withPartitions(StructType all, StructType sparks, InputFiles files) {
        StructType schema = new StructType();
        for (StructField field : all.fields()) {
            schema = schema.add(files.partitions().contains(field.name()) ? sparks.apply(field.name()) : field);
        }
        for (StructField field : sparks.fields()) {
            schema = Columns.has(schema, field.name()) ? schema : schema.add(field);
        }
        return schema;
    }

    @Override
    public Dataset<Row> table(List<String> columns) {
        return table.select(PlacedRows.quoted(columns));
    }

    /** Returns the files that Spark lists. */
    String[] inputFiles() {
        return table.inputFiles();
    }

    @Override
    public StructType schema() {
        return schema;
    }

    @Override
    public boolean isEmpty() {
        return segments.isEmpty();
    }

    @Override
    public String identity(List<String> columns) {
        return files.identity();
    }

    @Override
    public PlacedRows place(List<String> columns, Path staged, Path scratch) {
        return new PlacedRows(PlacedRows.physical(table, columns, PlacedRows.part(table)), segments);
    }
}
