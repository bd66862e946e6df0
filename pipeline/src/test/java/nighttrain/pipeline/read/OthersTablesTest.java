package nighttrain.pipeline.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checks that tables of pandas, polars, DuckDB, delta-rs and others are read correctly or refused by name. No job runs. */
class OthersTablesTest extends JobTest {
    private static final String[] TICKETS = {
        "Ticket 0: my lamp is broken",
        "Ticket 1: my lamp is broken",
        "Ticket 2: my lamp is broken",
        "Ticket 3: my lamp is broken"
    };

    @ParameterizedTest
    @ValueSource(
            strings = {
                "byte-stream-split",
                "timestamp-ns-unused-column",
                "uuid-unused-column",
            })
    void columnsThatSparkCannotReadAreNoFaultWhereTheyAreNotUsed(String name) {
        assertThat(prompts(name + ".parquet")).containsExactly(TICKETS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"duckdb-interval-unused-column", "duckdb-time-unused-column"})
    void duckDbsTypesAreNoFaultWhereTheyAreNotUsed(String name) {
        assertThat(prompts(name + ".parquet"))
                .containsExactly("Ticket 0: my lamp", "Ticket 1: my lamp", "Ticket 2: my lamp", "Ticket 3: my lamp");
    }

    @Test
    void oddTypesInsideOthersAreNoFaultWhereTheyAreNotUsed() {
        assertThat(prompts("odd-types-unused.parquet")).containsExactly("a", "b");
        values = values.with(Settings.KEEP_COLUMNS, List.of("fine", "none"));
        assertThat(kept("odd-types-unused.parquet"))
                .extracting(row -> row.get(0), row -> row.get(1))
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple((byte) 1, null),
                        org.assertj.core.groups.Tuple.tuple((byte) 2, null));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "duckdb-interval-unused-column | x | FIXED_LEN_BYTE_ARRAY INTERVAL",
                "duckdb-time-unused-column | x | INT64 TIME(MICROS,false)",
                "timestamp-ns-unused-column | ts_ns | INT64 TIMESTAMP(NANOS,false)",
                "uuid-unused-column | uuid | FIXED_LEN_BYTE_ARRAY UUID",
                "odd-types-unused | half | FIXED_LEN_BYTE_ARRAY FLOAT16",
                "odd-types-unused | huge | FIXED_LEN_BYTE_ARRAY DECIMAL(60,2)",
                "odd-types-unused | nested | group with INT64 TIME(MICROS,false)",
                "odd-types-unused | list | group with INT64 TIMESTAMP(NANOS,false)",
                "odd-types-unused | mapped | group with INT32 TIME(MILLIS,false)",
            })
    void columnsThatSparkCannotReadAreRefusedByNameWhereTheyAreUsed(String name, String column, String type) {
        String file = name + ".parquet";
        values = values.with(Settings.KEEP_COLUMNS, List.of(column));
        refuses(
                file,
                "cannot read column: " + column + " is " + type + " in " + file + " (Spark has no such type;"
                        + " leave the column out, or write it as text, a number or a timestamp in microseconds)");
        values = values.with(Settings.KEEP_COLUMNS, List.of()).with(Settings.PROMPT_TEXT, "{" + column + "}");
        assertThatThrownBy(() -> prompts(file)).hasMessageStartingWith("cannot read column: " + column + " is ");
        values = values.with(Settings.PROMPT_TEXT, "{prompt}").with(Settings.ID_COLUMN, column);
        assertThatThrownBy(() -> prompts(file)).hasMessageStartingWith("cannot read column: " + column + " is ");
    }

    @Test
    void encodingsThatSparksReaderLacksAreNamedWithTheConfThatReadsThem() {
        values = values.with(Settings.KEEP_COLUMNS, List.of("f"));
        refuses(
                "byte-stream-split.parquet",
                "cannot read column: f has encoding BYTE_STREAM_SPLIT in byte-stream-split.parquet (Spark's Parquet reader"
                        + " lacks it; use --conf spark.sql.parquet.enableVectorizedReader=false, which is slower,"
                        + " or write the file without it)");
        spark.conf().set("spark.sql.parquet.enableVectorizedReader", "false");
        try {
            assertThat(kept("byte-stream-split.parquet"))
                    .extracting(row -> row.getDouble(0))
                    .containsExactly(1.0, 2.0, 3.0, 4.0);
        } finally {
            spark.conf().unset("spark.sql.parquet.enableVectorizedReader");
        }
    }

    @Test
    void codecsThatAreNotThereAreNamed() {
        refuses(
                "polars-brotli.parquet",
                "cannot read column: prompt has codec BROTLI in polars-brotli.parquet (Spark's Parquet reader lacks it;"
                        + " give a jar with org.apache.hadoop.io.compress.BrotliCodec by --conf spark.jars or"
                        + " spark.jars.packages, or write the file with zstd or snappy)");
    }

    @Test
    void otherCodecsAndEncodingsAreRead() {
        assertThat(prompts("codecs"))
                .containsExactly(
                        "gzip 0",
                        "gzip 1",
                        "lz4 0",
                        "lz4 1",
                        "none 0",
                        "none 1",
                        "snappy 0",
                        "snappy 1",
                        "zstd 0",
                        "zstd 1");
        values = values.with(Settings.PROMPT_TEXT, "{prompt}{d}{l}{b}");
        assertThat(prompts("encodings.parquet")).containsExactly("a1xtrue", "b2yfalse");
    }

    @Test
    void aPageThatIsTornIsNamedWhereATaskMeetsIt() {
        assertThatThrownBy(() -> {
                    try {
                        prompts("torn-page.parquet");
                    } catch (Exception failed) {
                        UnreadableFile.throwIfBehind(failed);
                        throw failed;
                    }
                })
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("cannot read input file: file:")
                .hasMessageContaining("/torn-page.parquet (")
                .hasMessageEndingWith("; write the file again or remove it)");
    }

    @Test
    void tablesWithALogOfTheirOwnAreRefused() throws IOException {
        String because =
                " (its LOG says which files are rows now, and all of them together have deleted rows, too; use ";
        for (String input : List.of("delta-table-overwritten", "delta-table-overwritten/*.parquet")) {
            assertThatThrownBy(() -> prompts(input))
                    .isInstanceOf(UserError.class)
                    .hasMessageStartingWith("input is a Delta table: " + path(input)
                            + because.replace("LOG", "_delta_log") + "--format delta with --conf spark.jars.packages=")
                    .hasMessageEndingWith(", or export it as plain Parquet)");
        }
        for (String input : List.of("iceberg", "iceberg/data")) {
            assertThatThrownBy(() -> prompts(input))
                    .hasMessageStartingWith(
                            "input is an Iceberg table: " + path(input) + because.replace("LOG", "metadata"));
        }
        assertThatThrownBy(() -> prompts("hudi"))
                .hasMessageStartingWith("input is a Hudi table: " + path("hudi") + because.replace("LOG", ".hoodie"));
        Path partition = Files.createDirectories(dir.resolve("table/day=1/hour=2"));
        Files.copy(resource("timestamps.parquet"), partition.resolve("a.parquet"));
        Files.createDirectory(dir.resolve("table/_delta_log"));
        values = values.with(Settings.INPUT_PATH, partition.toString());
        assertThatThrownBy(this::open).hasMessageStartingWith("input is a Delta table: ");
    }

    @Test
    void filesInSubfoldersAreRead() {
        assertThat(names("subfolder-silently-skipped"))
                .containsExactly("a.parquet:0", "a.parquet:1", "sub/deep/b.parquet:0", "sub/deep/b.parquet:1");
    }

    @Test
    void textFilesInSubfoldersAreReadToo() throws IOException {
        Path input = Files.createDirectories(dir.resolve("input/sub"));
        Files.writeString(input.resolve("b.csv"), "prompt\nb\n");
        Files.writeString(input.resolve("../a.csv"), "prompt\na\n");
        values = values.with(Settings.FORMAT, "csv");
        assertThat(openedPrompts()).containsExactly("a", "b");
        Files.writeString(input.resolve("../a.csv"), "{\"custom_id\":\"a\"}\n");
        Files.writeString(input.resolve("b.csv"), "{\"custom_id\":\"b\"}\n");
        values = values.with(Settings.FORMAT, "openai-batch");
        assertThat(openedPrompts()).hasSize(2);
    }

    @Test
    void aFileBesidePartitionFoldersIsRefused() {
        refuses(
                "beside-partitions",
                "file outside the partition folders: late.parquet (either all files lie in folders key=value of the same"
                        + " keys, or none does; move it, or name one of the folders by --input)");
        assertThat(prompts("beside-partitions/day=*")).containsExactly("a", "b");
    }

    @Test
    void hiddenFilesAreLeftOutAndATornOneIsNamed() throws IOException {
        assertThatThrownBy(() -> prompts("truncated-file"))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("cannot read Parquet file: z.parquet (")
                .hasMessageEndingWith("; write it again or remove it, choose among the files by"
                        + " --format-option pathGlobFilter=*.parquet, or give --format NAME if it is not Parquet)");
        values = values.with(Settings.FORMAT_OPTION, List.of("ignoreCorruptFiles=true"));
        assertThat(names("truncated-file")).containsExactly("a.parquet:0", "a.parquet:1");
        values = values.with(Settings.FORMAT_OPTION, List.of("pathGlobFilter=[a-y].parquet"));
        assertThat(names("truncated-file")).containsExactly("a.parquet:0", "a.parquet:1");
        Path input = Files.createDirectory(dir.resolve("input"));
        Files.writeString(input.resolve("_SUCCESS"), "");
        values = values.with(Settings.FORMAT_OPTION, List.of()).with(Settings.INPUT_PATH, input.toString());
        assertThatThrownBy(this::open)
                .hasMessage("input is empty: " + input
                        + " (no file is in it but hidden ones, whose names begin with _ or .; check --input)");
    }

    @Test
    void aFileOfAnotherKindIsNamed() {
        assertThatThrownBy(() -> prompts("beside-others"))
                .hasMessageStartingWith("cannot read Parquet file: README.txt (");
        values = values.with(Settings.FORMAT_OPTION, List.of("pathGlobFilter=*.parquet"));
        assertThat(prompts("beside-others")).containsExactly("a");
    }

    @Test
    void aKeptColumnThatAFileLacksIsNullThere() {
        values = values.with(Settings.KEEP_COLUMNS, List.of("k"));
        assertThat(kept("kept-column-missing-in-first-file"))
                .extracting(row -> row.get(0))
                .containsExactly(null, 1L);
        assertThat(kept("nested-fields-grow"))
                .extracting(row -> row.getStruct(0).toString())
                .containsExactly("[1,null]", "[2,z]");
    }

    @Test
    void aPromptColumnThatAFileLacksIsRefused() {
        refuses(
                "prompt-missing-in-a-file",
                "no such column in a file: prompt is not in b.parquet (prompts are made of it, so that every file needs it;"
                        + " name the files that have it by --input)");
    }

    @Test
    void typesThatDifferBetweenFilesAreRefusedWhereTheyAreUsed() {
        assertThat(prompts("types-differ")).containsExactly("a", "b");
        values = values.with(Settings.KEEP_COLUMNS, List.of("k"));
        refuses(
                "types-differ",
                "column has another type in another file: k is int in a.parquet, bigint in b.parquet (one type in all files"
                        + " is needed; write them with the same type, or leave the column out)");
    }

    @Test
    void namesThatDifferByCaseAloneAreRefusedWhereTheyAreUsed() {
        refuses(
                "case-twins.parquet",
                "column name is ambiguous: prompt, Prompt in case-twins.parquet (Spark's names do not depend on case;"
                        + " use --conf spark.sql.caseSensitive=true to tell them apart)");
        values = values.with(Settings.PROMPT_TEXT, "{k}");
        assertThat(prompts("case-twins.parquet")).containsExactly("1", "2");
    }

    @Test
    void aNameIsPreferredToThePatternThatItMayBe() {
        assertThat(prompts("pattern[1]/run[1].parquet")).containsExactly("the one");
        assertThat(prompts("pattern[1]")).containsExactly("another", "the one");
        assertThat(names("pattern[1]/run?.parquet")).containsExactly("run1.parquet:0");
        assertThat(prompts("pattern?/run[1].parquet")).containsExactly("elsewhere");
    }

    @Test
    void binaryIsNoIdAndNoPrompt() {
        SettingValues plain = values;
        values = plain.with(Settings.ID_COLUMN, "bin");
        refuses(
                "binary.parquet",
                "wrong column type: bin is binary (an id is a number or text; name another --id-column, or none for file and"
                        + " row position, or --conf spark.sql.parquet.binaryAsString=true if it is text)");
        String text = "wrong column type: bin is binary (a prompt is text; name another column, or"
                + " --conf spark.sql.parquet.binaryAsString=true if it is text)";
        values = plain.with(Settings.PROMPT_TEXT, "{bin}");
        refuses("binary.parquet", text);
        values = plain.with(Settings.PROMPT_COLUMN, "bin");
        refuses("binary.parquet", text);
    }

    @Test
    void jsonThatIsOneArrayIsRefusedOrReadAsAsked() {
        values = values.with(Settings.FORMAT, "json");
        refuses(
                "json-array.json",
                "input is one JSON array: json-array.json (one object per line is needed;"
                        + " use --format-option multiLine=true to read an array)");
        values = values.with(Settings.FORMAT_OPTION, List.of("multiLine=true"));
        assertThat(prompts("json-array.json")).containsExactly(TICKETS);
    }

    @Test
    void jsonOfWhichNoLineIsARowIsRefused() throws IOException {
        Path input = Files.writeString(dir.resolve("input"), "prompt\nhello\n");
        values = values.with(Settings.FORMAT, "json");
        assertThatThrownBy(this::open)
                .hasMessage("cannot read input: " + input + " (no row of it can be parsed as json; check --input and"
                        + " --format, or give --format-option multiLine=true for rows over several lines)");
        Files.writeString(input, "");
        assertThatThrownBy(this::open)
                .hasMessage(
                        "input has no columns: " + input + " (without rows, json does not tell them; check --input)");
        Files.writeString(input, "[{\"prompt\":\"a\"},{\"prompt\":\"b\"}]\n");
        assertThat(openedPrompts()).containsExactly("a", "b");
    }

    @Test
    void sparksErrorsAreToldToTheirEnd() throws IOException {
        Files.writeString(dir.resolve("input"), "a");
        values = values.with(Settings.FORMAT, "delta");
        assertThatThrownBy(this::open)
                .hasMessageStartingWith("cannot read input: " + dir.resolve("input") + " (as delta: ")
                .hasMessageEndingWith("; check --input and --format, and bring its package for this Spark by --conf"
                        + " spark.jars.packages)")
                .message()
                .doesNotContain("\n");
    }

    private List<String> prompts(String name) {
        values = values.with(Settings.INPUT_PATH, path(name));
        return openedPrompts();
    }

    private List<String> openedPrompts() {
        return column(RowNames.PROMPT);
    }

    private List<String> names(String name) {
        values = values.with(Settings.INPUT_PATH, path(name));
        return column(RowNames.ID);
    }

    private List<String> column(String name) {
        return open().prompts().orderBy(RowNames.POSITION).select(name).collectAsList().stream()
                .map(row -> row.getString(0))
                .toList();
    }

    /** Returns the kept columns of every row, and one of our own. */
    private List<Row> kept(String name) {
        values = values.with(Settings.INPUT_PATH, path(name));
        return open().kept().orderBy(RowNames.POSITION).select(RowNames.KEPT).collectAsList().stream()
                .map(row -> row.getStruct(0))
                .toList();
    }

    private PromptTable open() {
        GenerateOptions options = GenerateOptions.of(values);
        InputSource source = new InputReader(spark).open(options.input());
        InputColumns columns = InputColumns.of(source.schema(), options, List.of());
        int opened = dir.toFile().list().length;
        return PromptTable.of(
                source,
                columns,
                new org.apache.hadoop.fs.Path(dir.resolve("staged-" + opened).toString()),
                new org.apache.hadoop.fs.Path(dir.resolve("scratch-" + opened).toString()));
    }

    private void refuses(String name, String message) {
        assertThatThrownBy(() -> prompts(name)).isInstanceOf(UserError.class).hasMessage(message);
    }

    private static String path(String name) {
        return resource("") + "/" + name;
    }

    private static Path resource(String name) {
        try {
            return Path.of(OthersTablesTest.class.getResource("/tables").toURI())
                    .resolve(name);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
