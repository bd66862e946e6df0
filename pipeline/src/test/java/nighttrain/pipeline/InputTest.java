package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;

class InputTest extends JobTest {
    @Test
    void csvKeepsItsFilesAndItsOrder() throws IOException {
        Path input = Files.createDirectory(dir.resolve("input"));
        Files.writeString(input.resolve("b.csv"), "prompt,n\n\"two\nlines\",3\nlast,4\n");
        Files.writeString(input.resolve("a.csv"), "prompt,n\nfirst,1\nsecond,2\n");
        values = values.with(Settings.FORMAT, "csv").with(Settings.KEEP_COLUMNS, List.of("n"));
        run();
        assertThat(results())
                .extracting(row -> row.<String>getAs("id"), row -> row.<String>getAs("n"), row -> row.getAs("text"))
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("a.csv:0", "1", "first"),
                        org.assertj.core.groups.Tuple.tuple("a.csv:1", "2", "second"),
                        org.assertj.core.groups.Tuple.tuple("b.csv:0", "3", "two\nlines"),
                        org.assertj.core.groups.Tuple.tuple("b.csv:1", "4", "last"));
        assertThat(output().resolve("_nighttrain/staged")).doesNotExist();
    }

    @Test
    void partitionedParquetKeepsPartitionColumns() {
        spark.range(20)
                .selectExpr("concat('p ', id) as prompt", "id", "id % 2 as half")
                .write()
                .partitionBy("half")
                .parquet(dir.resolve("input").toString());
        values = values.with(Settings.KEEP_COLUMNS, List.of("half"));
        run();
        List<Row> rows = results();
        assertThat(rows).hasSize(20).allMatch(row -> row.<String>getAs("id").startsWith("half=" + row.getAs("half")));
        assertThat(rows).extracting(row -> row.<Integer>getAs("half")).isSorted();
        assertThat(rows).extracting(row -> row.<String>getAs("text")).doesNotHaveDuplicates();
    }

    @Test
    void limitTakesTheFirstRows() {
        input(3, prompts(30));
        values = values.with(Settings.LIMIT, 12L);
        assertThat(run().rows()).isEqualTo(12);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(prompts(12));
    }

    @Test
    void oneFileByAPatternAndWithASpace() throws IOException {
        input(1, prompts(3));
        Path file;
        try (var files = Files.list(dir.resolve("input"))) {
            file = files.filter(it -> it.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
        }
        Files.move(file, dir.resolve("my prompts.parquet"));
        values = values.with(Settings.INPUT_PATH, dir + "/my*.parquet");
        run();
        assertThat(results())
                .extracting(row -> row.<String>getAs("id"))
                .containsExactly("my prompts.parquet:0", "my prompts.parquet:1", "my prompts.parquet:2");
    }

    @Test
    void idColumnMayRepeatAndBeNull() {
        spark.range(4)
                .selectExpr("concat('p ', id) as prompt", "if(id = 3, null, id div 2) as ticket")
                .coalesce(1)
                .write()
                .parquet(dir.resolve("input").toString());
        values = values.with(Settings.ID_COLUMN, "ticket");
        run();
        assertThat(results()).extracting(row -> row.<String>getAs("id")).startsWith("0", "0", "1");
        assertThat(results().get(3).<String>getAs("id")).endsWith(".parquet:3");
    }

    @Test
    void columnsOfAnyTypeAreKept() {
        spark.range(3)
                .selectExpr(
                        "concat('p ', id) as prompt",
                        "named_struct('a', id, 'b', array(named_struct('c', cast(id as decimal(20,3))))) as `deep.one`",
                        "map('k', timestamp '2026-01-01 00:00:00') as map",
                        "cast(null as binary) as nothing",
                        "id as row",
                        "date '2026-11-22' as file")
                .coalesce(1)
                .write()
                .parquet(dir.resolve("input").toString());
        List<String> kept = List.of("deep.one", "map", "nothing", "row", "file");
        values = values.with(Settings.KEEP_COLUMNS, kept);
        run();
        Dataset<Row> input =
                spark.read().parquet(dir.resolve("input").toString()).drop("prompt");
        Dataset<Row> output = spark.read()
                .parquet(output().resolve("results").toString())
                .selectExpr("`deep.one`", "map", "nothing", "row", "file");
        assertThat(output.schema()).isEqualTo(input.schema());
        assertThat(output.collectAsList()).isEqualTo(input.collectAsList());
    }

    @Test
    void csvFilesHaveTheirColumnsInOneOrder() throws IOException {
        Path input = Files.createDirectory(dir.resolve("input"));
        Files.writeString(input.resolve("a.csv"), "n,prompt\n1,first\n");
        Files.writeString(input.resolve("b.csv"), "\uFEFF\"n\",PROMPT\r\n2,second\r\n");
        Files.writeString(input.resolve("c.csv"), "");
        values = values.with(Settings.FORMAT, "csv").with(Settings.PROMPT_TEXT, "{n}");
        run();
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactly("1", "2");
        Files.writeString(input.resolve("d.csv"), "prompt,n\nthird,3\n");
        refuses(
                "CSV files with different columns: d.csv (it has prompt, n, and a.csv has n, prompt; write it in the same"
                        + " order, or run it as a job of its own)");
        values = values.with(Settings.FORMAT_OPTION, List.of("pathGlobFilter=d*"))
                .with(Settings.OUTPUT_PATH, dir.resolve("other").toString());
        assertThat(run().rows()).isEqualTo(1);
    }

    @Test
    void aCsvRowThatIsLongerThanTheFirstLineIsAnError() throws IOException {
        Path input = Files.createDirectories(dir.resolve("input/day=1"));
        Files.writeString(
                input.resolve("a.csv"),
                "id;prompt;right\n1;\"quoted; \"\"text\"\"\n\";x\n2;cut; off;x\n3;short\n4;no value;;\n5;cut;;;too\n");
        values = values.with(Settings.FORMAT, "csv")
                .with(Settings.FORMAT_OPTION, List.of("sep=;"))
                .with(Settings.KEEP_COLUMNS, List.of("day"));
        run();
        assertThat(results())
                .extracting(row -> row.<String>getAs("text"))
                .containsExactly("quoted; \"text\"\n", null, "short", "no value", null);
        assertThat(results().get(1).<String>getAs("error_message"))
                .isEqualTo("record cannot be parsed: 2;cut; off;x (as csv; mend it or leave it out)");
        assertThat(results()).extracting(row -> row.<Integer>getAs("day")).containsOnly(1);
        values = values.with(Settings.PROMPT_COLUMN, "text");
        refuses(
                "no such column: text (named by --prompt-column; the input's columns are id, prompt, right, day; check the"
                        + " name)");
    }

    @Test
    void aCsvRowBeyondALimitIsToldInOneLine() throws IOException {
        Path file = Files.createDirectory(dir.resolve("input")).resolve("a.csv");
        Files.writeString(file, "prompt" + ",".repeat(30_000) + "\nfirst\n");
        values = values.with(Settings.FORMAT, "csv");
        String cannotRead = "cannot read input file: file:/+" + dir.toString().substring(1) + "/input/a.csv ";
        assertThatThrownBy(this::run)
                .hasMessageMatching(
                        cannotRead
                                + "\\(a row has over 20480 fields; raise it by --format-option maxColumns=N, or correct the row\\)");
        Files.writeString(file, "prompt\nfirst\n" + "long ".repeat(100) + "\n");
        values = values.with(Settings.FORMAT_OPTION, List.of("maxCharsPerColumn=100"));
        assertThatThrownBy(this::run)
                .hasMessageMatching(cannotRead
                        + "\\(a field has over 100 characters; raise it by --format-option maxCharsPerColumn=N, or close a"
                        + " quote that is left open\\)");
    }

    /** The same files are other rows then. */
    @Test
    void aJobWithOtherFormatOptionsIsAnother() throws IOException {
        Path input = Files.createDirectory(dir.resolve("input"));
        Files.writeString(input.resolve("a.csv"), "prompt\nfirst\n");
        Files.writeString(input.resolve("b.csv"), "prompt\nsecond\n");
        SettingValues csv = values.with(Settings.FORMAT, "csv");
        values = csv.with(Settings.FORMAT_OPTION, List.of("pathGlobFilter=a*"));
        run();
        assertThat(run().wasComplete()).isTrue();
        values = csv.with(Settings.FORMAT_OPTION, List.of("pathglobfilter=b*"));
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessageMatching("output belongs to another job: .* \\(changed: input 2 files, .*, by"
                        + " pathglobfilter -> 2 files, .*");
        values = csv;
        assertThatThrownBy(this::run).hasMessageStartingWith("output belongs to another job: ");
        values = csv.with(Settings.FORMAT_OPTION, List.of("pathGlobFilter=a*", "ignoreCorruptFiles=true"));
        assertThat(run().wasComplete()).isTrue();
    }

    /** Spark has a hidden column of that name, from which it is known where a row lies. */
    @Test
    void aColumnCalledMetadataIsAColumn() throws IOException {
        values = values.with(Settings.KEEP_COLUMNS, List.of("_metadata"));
        spark.range(2)
                .selectExpr(
                        "concat('p ', id) as prompt", "named_struct('file_path', 'x', 'row_index', 7L) as _metadata")
                .coalesce(1)
                .write()
                .parquet(dir.resolve("input").toString());
        run();
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactly("p 0", "p 1");
        assertThat(results())
                .extracting(row -> row.<Row>getAs("_metadata").getLong(1))
                .containsOnly(7L);
        Files.writeString(dir.resolve("a.csv"), "prompt,_metadata\np,mine\n");
        values = values.with(Settings.INPUT_PATH, dir.resolve("a.csv").toString())
                .with(Settings.FORMAT, "csv")
                .with(Settings.OVERWRITE, true);
        run();
        assertThat(results())
                .extracting(row -> row.getString(0), row -> row.<String>getAs("_metadata"))
                .containsExactly(org.assertj.core.groups.Tuple.tuple("a.csv:0", "mine"));
    }

    @Test
    void templatesTakeColumnsOfAnyType() {
        input(1, List.of("a", "b"));
        values = values.with(Settings.PROMPT_TEXT, "{{{key}}}: {prompt}!");
        run();
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactly("{0}: a!", "{1}: b!");
    }

    @Test
    void anyDatasetThroughTheJavaApi() {
        Dataset<Row> prompts = spark.range(0, 40, 1, 4).selectExpr("concat('prompt ', id) as prompt", "id as key");
        SettingValues settings =
                values.with(Settings.KEEP_COLUMNS, List.of("key")).with(Settings.MAX_TOKENS, 40);
        Dataset<Row> results = NightTrain.generate(prompts, settings, engines);
        assertThat(results.collectAsList())
                .extracting(row -> row.<String>getAs("text"))
                .containsExactlyElementsOf(prompts(40));
        assertThat(results.select("id").collectAsList())
                .extracting(row -> row.getString(0))
                .containsExactlyElementsOf(
                        IntStream.range(0, 40).mapToObj(i -> "input:" + i).toList());
        assertThat(results.agg(org.apache.spark.sql.functions.sum("key")).head().getLong(0))
                .isEqualTo(780);
        NightTrain.generate(prompts, settings, engines);
        assertThat(script().computations()).isEqualTo(40);
    }

    @Test
    void theJavaApiObeysTheSessionsConf() {
        SparkSession session = spark.newSession();
        values.asSparkConf().forEach((key, value) -> session.conf().set(key, value));
        session.conf().set("spark.nighttrain.maxTokens", "1");
        session.conf().set("spark.nighttrain.keepColumns", "none");
        Dataset<Row> prompts = session.range(2).selectExpr("concat('prompt ', id) as prompt", "id as key");
        SettingValues settings = SettingValues.none().set("keepColumns", List.of("key"));

        session.conf().set("spark.nighttrain.maxToken", "1");
        assertThatThrownBy(() -> NightTrain.generate(prompts, settings, engines))
                .isInstanceOf(UserError.class)
                .hasMessage("no such setting: spark.nighttrain.maxToken (in Spark's conf; use"
                        + " spark.nighttrain.maxTokens if that is meant)");
        assertThat(output()).doesNotExist();
        session.conf().unset("spark.nighttrain.maxToken");

        Dataset<Row> results = NightTrain.generate(prompts, settings, engines);

        assertThat(results.columns()).contains("key");
        assertThat(results.select("finish_reason").collectAsList())
                .extracting(row -> row.getString(0))
                .containsExactly("length", "length");
    }

    @Test
    void theJavaApiSpeaksOfSettings() {
        Dataset<Row> prompts = spark.range(2).selectExpr("id as key");

        assertThatThrownBy(() -> NightTrain.generate(prompts, values, engines))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("name one by promptColumn or messagesColumn, or give prompt");
        assertThatThrownBy(() -> NightTrain.generate(prompts, values.set("maxTokens", "0"), engines))
                .hasMessage("bad value of maxTokens: 0 (at least 1; ask for fewer rows with limit instead)");
        assertThatThrownBy(() -> NightTrain.generate(prompts, SettingValues.none(), engines))
                .hasMessageStartingWith("missing option: model (")
                .hasMessageEndingWith("; give model DIR)");
        assertThat(output()).doesNotExist();
    }
}
