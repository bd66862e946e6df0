package nighttrain.pipeline.read;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.sequence;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.substring;
import static org.apache.spark.sql.functions.when;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The rows of a job, each with a key that no other row has and that stays the same from run to run. */
public final class PromptTable {
    /** Number of characters that an error shows of a record that cannot be parsed, which may be a whole file. */
    private static final int SHOWN_CHARS = 200;

    private final InputColumns columns;
    private final PlacedRows placed;
    private final Dataset<Row> keyed;
    private final long rows;

    private PromptTable(InputColumns columns, PlacedRows placed, long limit) {
        this.columns = columns;
        this.placed = placed;
        long all = placed.segments().stream().mapToLong(Segment::rows).sum();
        this.rows = Math.min(all, limit);
        this.keyed = rows < all ? placed.keyed().filter(col(PlacedRows.POSITION).lt(lit(limit))) : placed.keyed();
    }

    /** Returns the rows of a source; {@link InputSource#place} describes the two paths. */
    public static PromptTable of(InputSource source, InputColumns columns, Path staged, Path scratch) {
        PlacedRows placed = source.place(columns.used(), staged, scratch);
        return new PromptTable(columns, placed, columns.limit());
    }

    /** Returns the number of rows. */
    public long rows() {
        return rows;
    }

    /** Returns the prompts, one line per output: the key ({@code file, row, sample}), {@code position, id, prompt, messages, flaw}. */
    public Dataset<Row> prompts() {
        Column samples = columns.samples() == 1 ? lit(0) : explode(sequence(lit(0), lit(columns.samples() - 1)));
        Column parsed = columns.corrupt()
                .map(corrupt -> Columns.quoted(corrupt.name()).isNull())
                .orElse(lit(true));
        return keyed.select(
                col(PlacedRows.FILE).as(RowNames.FILE),
                col(PlacedRows.ROW).as(RowNames.ROW),
                col(PlacedRows.POSITION).as(RowNames.POSITION),
                samples.as(RowNames.SAMPLE),
                id().as(RowNames.ID),
                when(parsed, columns.prompt().prompt()).as(RowNames.PROMPT),
                when(parsed, columns.prompt().messages()).as(RowNames.MESSAGES),
                when(not(parsed), corrupt())
                        .when(
                                columns.prompt()
                                        .prompt()
                                        .isNull()
                                        .and(columns.prompt().messages().isNull()),
                                lacking())
                        .as(RowNames.FLAW));
    }

    /** Returns the columns to copy to the results, one line per row: {@code position, kept}. */
    public Dataset<Row> kept() {
        return kept(columns.kept());
    }

    /** As {@link #kept()}, for these columns, which must be among the columns in use. */
    public Dataset<Row> kept(List<String> names) {
        return keyed.select(
                col(PlacedRows.POSITION).as(RowNames.POSITION),
                struct(PlacedRows.with(PlacedRows.quoted(names), lit(true).as(InputColumns.PRESENT)))
                        .as(RowNames.KEPT));
    }

    /** Returns the position of each file's first row in the whole input, one line per file: {@code file, start}. */
    public Dataset<Row> fileStarts() {
        Map<String, Long> starts = new LinkedHashMap<>();
        placed.segments().forEach(segment -> starts.putIfAbsent(segment.file(), segment.fileStart()));
        List<Row> lines = starts.entrySet().stream()
                .map(start -> RowFactory.create(start.getKey(), start.getValue()))
                .toList();
        StructType schema =
                new StructType().add(RowNames.FILE, DataTypes.StringType).add("start", DataTypes.LongType);
        return keyed.sparkSession().createDataset(lines, Encoders.row(schema));
    }

    private Column corrupt() {
        return columns.corrupt()
                .map(it -> flaw(
                        "bad_record",
                        lit("record cannot be parsed: "),
                        substring(Columns.quoted(it.name()), 1, SHOWN_CHARS),
                        lit(" (as " + it.format() + "; mend it or leave it out)")))
                .orElseGet(() -> flaw("bad_record", lit("")));
    }

    /** Returns the flaw of a row without a prompt: it names the first null column that the prompt needs. */
    private Column lacking() {
        Column[] nulls = columns.prompt().needed().stream()
                .map(name -> when(Columns.quoted(name).isNull(), lit(name)))
                .toArray(Column[]::new);
        return flaw(
                "null_prompt",
                lit("prompt is null: row "),
                id(),
                lit(", column "),
                coalesce(PlacedRows.with(
                        nulls, lit(String.join(", ", columns.prompt().needed())))),
                lit(" (text is needed; fill it or leave the row out)"));
    }

    private static Column flaw(String kind, Column... message) {
        return struct(lit(kind).as(RowNames.KIND), concat(message).as(RowNames.MESSAGE));
    }

    private Column id() {
        Column place = concat(col(PlacedRows.FILE), lit(":"), col(PlacedRows.ROW));
        return columns.id()
                .map(name -> coalesce(Columns.quoted(name).cast(DataTypes.StringType), place))
                .orElse(place);
    }
}
