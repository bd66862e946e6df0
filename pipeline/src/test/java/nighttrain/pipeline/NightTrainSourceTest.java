package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import nighttrain.io.UserError;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.spark.sql.DataFrameWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests {@code format("nighttrain")} on the real engine. */
class NightTrainSourceTest {
    private final SparkSession spark = TestSpark.session();

    @TempDir
    Path dir;

    private String model;
    private String path;

    @BeforeEach
    void model() {
        model = TinyModel.in(dir.resolve("model"), TinyModel.CONTEXT_TOKENS).toString();
        path = dir.resolve("job [1]").toString();
    }

    @Test
    void writingRunsAJobAndReadingReadsIt() {
        write(prompts(5)).save(path);

        Dataset<Row> results = spark.read().format("nighttrain").load(path);
        assertThat(results.select("id").as(Encoders.STRING()).collectAsList())
                .containsExactlyInAnyOrder("n0", "n1", "n2", "n3", "n4");
        assertThat(results.filter("text is not null and output_tokens = 3").count())
                .isEqualTo(5);
        assertThat(spark.read()
                        .format("nighttrain")
                        .option("table", "metrics")
                        .load(path)
                        .columns())
                .contains("kv_used", "steps");
    }

    @Test
    void aPathIsOneJob() throws IOException {
        write(prompts(3)).save(path);
        FileTime written = Files.getLastModifiedTime(Path.of(path, "summary.json"));

        write(prompts(3)).mode("append").save(path);
        write(prompts(3)).mode("overwrite").save(path);
        assertThat(spark.read().format("nighttrain").load(path).count()).isEqualTo(3);
        assertThat(Files.getLastModifiedTime(Path.of(path, "summary.json"))).isEqualTo(written);

        assertThatThrownBy(() -> write(prompts(4)).mode("append").save(path))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("output belongs to another job: ")
                .hasMessageContaining("changed: input");
        write(prompts(4)).mode("overwrite").save(path);
        assertThat(spark.read().format("nighttrain").load(path).count()).isEqualTo(4);

        Files.delete(Path.of(path, "summary.json"));
        assertThatThrownBy(() -> spark.read().format("nighttrain").load(path))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("job is not finished: file:" + path + " (");
    }

    @Test
    void sqlCreatesATableOfResults() {
        prompts(3).createOrReplaceTempView("tickets");
        spark.sql("DROP TABLE IF EXISTS labelled");
        try {
            spark.sql("CREATE TABLE labelled USING nighttrain OPTIONS (path '" + path + "', model '" + model
                    + "', load_format 'dummy', prompt 'Say: {text}', id_column 'name', MAX_TOKENS '3')"
                    + " AS SELECT * FROM tickets");
            assertThat(spark.sql("SELECT id FROM labelled WHERE output_tokens = 3 ORDER BY id")
                            .collectAsList())
                    .extracting(row -> row.getString(0))
                    .containsExactly("n0", "n1", "n2");
        } finally {
            spark.sql("DROP TABLE IF EXISTS labelled");
        }
    }

    @Test
    void optionsAreRefusedByName() {
        assertThatThrownBy(() -> write(prompts(1)).option("maxTokns", "4").save(path))
                .isInstanceOf(UserError.class)
                .hasMessage("unknown option: maxtokns (did you mean maxTokens?; see nighttrain generate --help)");
        assertThatThrownBy(() -> write(prompts(1)).option("input", "/data").save(path))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("option has no use here: input (");
        assertThatThrownBy(() -> write(prompts(1)).option("top_k", "many").save(path))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("bad value of topK: many (");
        assertThatThrownBy(() -> write(prompts(1)).save())
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("missing option: path (");
        assertThatThrownBy(() -> spark.read()
                        .format("nighttrain")
                        .option("table", "rows")
                        .load(path))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("no such table: rows (");
        assertThatThrownBy(() -> write(prompts(1)).option("review", "4").save(path))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "only with labels: review (without labels or labelsFile each row gets a text; give labels, or"
                                + " leave it out)");
        assertThatThrownBy(() -> write(prompts(1)).partitionBy("name").save(path))
                .isInstanceOf(UserError.class)
                .hasMessage("option has no use here: partitionBy (results are in the input's order; leave it out)");
        assertThatThrownBy(() -> write(prompts(1)).option("max_tokens", "4").save(path))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("option given twice: maxTokens (");
        assertThatThrownBy(() -> spark.read()
                        .format("nighttrain")
                        .option("tabel", "metrics")
                        .load(path))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("unknown option: tabel (");
        assertThat(Path.of(path)).doesNotExist();
    }

    private Dataset<Row> prompts(int rows) {
        return spark.range(rows).selectExpr("concat('n', id) as name", "concat('text ', id) as text");
    }

    private DataFrameWriter<Row> write(Dataset<Row> prompts) {
        return prompts.write()
                .format("nighttrain")
                .option("model", model)
                .option("loadFormat", "dummy")
                .option("prompt", "Say: {text}")
                .option("id_column", "name")
                .option("maxTokens", 3);
    }
}
