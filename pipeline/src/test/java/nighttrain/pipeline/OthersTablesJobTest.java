package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;

/** Runs jobs over tables in the forms of other writers, and checks the files for other readers. */
class OthersTablesJobTest extends JobTest {
    @Test
    void timestampsAreKeptAsMicrosecondsWithTheirKind() throws IOException {
        List<String> kept = List.of("zoned", "local", "millis", "day");
        values = values.with(Settings.INPUT_PATH, table("timestamps.parquet")).with(Settings.KEEP_COLUMNS, kept);
        run();
        assertKeptAsInput(kept, spark.read().parquet(table("timestamps.parquet")));
    }

    @Test
    void aTimestampThatIsStagedIsKeptAsWell() throws IOException {
        List<String> kept = List.of("zoned", "local", "millis", "day");
        Dataset<Row> input = spark.read().parquet(table("timestamps.parquet"));
        NightTrain.generate(input, values.with(Settings.KEEP_COLUMNS, kept), engines);
        assertKeptAsInput(kept, input);
    }

    private void assertKeptAsInput(List<String> kept, Dataset<Row> input) throws IOException {
        String[] names = kept.toArray(String[]::new);
        Dataset<Row> output =
                spark.read().parquet(output().resolve("results").toString()).selectExpr(names);
        assertThat(output.schema().json())
                .isEqualTo(input.selectExpr(names).schema().json());
        assertThat(output.collectAsList()).isEqualTo(input.selectExpr(names).collectAsList());
        String schema = parquetSchema("results");
        assertThat(schema)
                .contains("int64 zoned (TIMESTAMP(MICROS,true))")
                .contains("int64 local (TIMESTAMP(MICROS,false))")
                .contains("int64 millis (TIMESTAMP(MICROS,true))")
                .contains("int32 day (DATE)");
        assertThat(parquetSchema("metrics")).contains("int64 at (TIMESTAMP(MICROS,true))");
        assertThat(hiddenFiles()).as("other readers take them for data").isEmpty();
    }

    private String parquetSchema(String folder) throws IOException {
        try (Stream<Path> files = Files.list(output().resolve(folder))) {
            Path file = files.filter(it -> it.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
            try (ParquetFileReader reader = ParquetFileReader.open(
                    HadoopInputFile.fromPath(new org.apache.hadoop.fs.Path(file.toString()), new Configuration()))) {
                return reader.getFooter().getFileMetaData().getSchema().toString();
            }
        }
    }

    private List<Path> hiddenFiles() throws IOException {
        List<Path> hidden = new ArrayList<>();
        for (String folder : List.of("results", "metrics")) {
            try (Stream<Path> files = Files.list(output().resolve(folder))) {
                files.filter(it -> it.getFileName().toString().startsWith(".")).forEach(hidden::add);
            }
        }
        return hidden;
    }

    @Test
    void aTableWithoutRowsEndsWithATableWithoutRows() throws IOException {
        values = values.with(Settings.INPUT_PATH, table("no-rows")).with(Settings.KEEP_COLUMNS, List.of("at"));
        GenerateReport report = run();
        assertThat(report.rows()).isZero();
        assertThat(report.tooManyErrors()).isFalse();
        assertThat(output().resolve("summary.json")).exists();
        assertThat(output().resolve("report.html")).exists();
        assertThat(script().opened).as("nothing is computed").hasValue(0);
        assertThat(results()).isEmpty();
        assertThat(parquetSchema("results")).contains("int64 at (TIMESTAMP(MICROS,true))", "binary text (STRING)");
        assertThat(run().wasComplete()).isTrue();
    }

    @Test
    void aDatasetAndABatchFileWithoutRowsDoTheSame() throws IOException {
        assertThat(NightTrain.generate(spark.range(0).selectExpr("cast(id as string) as prompt"), values, engines)
                        .count())
                .isZero();
        Path batch = Files.writeString(dir.resolve("batch.jsonl"), "");
        values = values.with(Settings.INPUT_PATH, batch.toString())
                .with(Settings.FORMAT, "openai-batch")
                .with(Settings.OUTPUT_PATH, dir.resolve("answers").toString());
        assertThat(run().rows()).isZero();
        assertThat(dir.resolve("answers/responses")).isDirectory();
    }

    @Test
    void aBrokenLineOfJsonIsAnErrorOfItsRow() {
        values = values.with(Settings.INPUT_PATH, table("corrupt-line.jsonl")).with(Settings.FORMAT, "jsonl");
        assertThat(run().rows()).isEqualTo(3);
        List<Row> rows = results();
        assertThat(rows).extracting(row -> row.<String>getAs("text")).containsExactly("ok", null, "last");
        assertThat(rows).extracting(row -> row.<String>getAs("error")).containsExactly(null, "bad_record", null);
        assertThat(rows.get(1).<String>getAs("error_message"))
                .isEqualTo("record cannot be parsed: {\"prompt\": broken (as json; mend it or leave it out)");
    }

    @Test
    void theColumnThatIsNullIsNamed() {
        table(
                        List.<Row>of(
                                org.apache.spark.sql.RowFactory.create("a", "b"),
                                org.apache.spark.sql.RowFactory.create("a", null)),
                        new org.apache.spark.sql.types.StructType()
                                .add("title", "string")
                                .add("body", "string"))
                .coalesce(1)
                .write()
                .parquet(dir.resolve("input").toString());
        values = values.with(Settings.PROMPT_TEXT, "{title}: {body}");
        run();
        assertThat(results().get(0).<String>getAs("text")).isEqualTo("a: b");
        assertThat(results().get(1).<String>getAs("error")).isEqualTo("null_prompt");
        assertThat(results().get(1).<String>getAs("error_message"))
                .matches("prompt is null: row .*:1, column body \\(text is needed; fill it or leave the row out\\)");
    }

    @Test
    void aTornPageEndsTheJobWithItsName() {
        values = values.with(Settings.INPUT_PATH, table("torn-page.parquet"));
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessageContaining("/torn-page.parquet (")
                .message()
                .doesNotContain("\n");
    }

    private static String table(String name) {
        try {
            return Path.of(OthersTablesJobTest.class.getResource("/tables").toURI())
                    .resolve(name)
                    .toString();
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
