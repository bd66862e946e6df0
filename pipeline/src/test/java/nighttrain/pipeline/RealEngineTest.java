package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo's architecture with next to no weights on the real engine, in a Spark set up as users' are. */
class RealEngineTest {
    private static final Path DEMO = Path.of(System.getProperty("nighttrain.root"), "conf", "demo");
    private static final long ROWS = 12;

    private final SparkSession spark = TestSpark.compiling();

    @TempDir
    private Path dir;

    private SettingValues values;

    @BeforeEach
    void settings() {
        values = SettingValues.none()
                .with(
                        Settings.MODEL,
                        TinyModel.like(DEMO.resolve("model"), dir.resolve("model"))
                                .toString())
                .with(Settings.LOAD_FORMAT, LoadFormat.DUMMY)
                .with(Settings.IGNORE_EOS, true)
                .with(Settings.INPUT_PATH, DEMO.resolve("prompts.parquet").toString())
                .with(Settings.LIMIT, ROWS)
                .with(Settings.MAX_TOKENS, 8)
                .with(Settings.THREADS, 2);
    }

    @Test
    void theSameTextWhateverTheLayout() {
        List<Row> one = run("one", values);
        List<Row> two = run("two", values.with(Settings.RANKS, 2).with(Settings.MAX_NUM_SEQS, 3));
        assertThat(one).hasSize((int) ROWS).allMatch(row -> row.<String>getAs("error") == null);
        assertThat(one).extracting(row -> row.<String>getAs("text")).allMatch(text -> !text.isBlank());
        assertThat(texts(two)).isEqualTo(texts(one));
        assertThat(one).allMatch(row -> row.<Double>getAs("e2e_ms") >= row.<Double>getAs("ttft_ms"));
    }

    @Test
    void theSameDrawsFromAnyPartitioning() {
        SettingValues sampled = values.with(Settings.TEMPERATURE, 5.0).with(Settings.SAMPLES, 2);
        List<Row> fromFile = run("file", sampled);
        assertThat(fromFile).hasSize(2 * (int) ROWS);
        assertThat(texts(fromFile)).as("samples differ").doesNotHaveDuplicates();
        Dataset<Row> few =
                spark.read().parquet(DEMO.resolve("prompts.parquet").toString()).limit((int) ROWS);
        List<String> apart = texts(NightTrain.generate(few.repartition(5), options("a", withIds(sampled)))
                .orderBy("id", "sample")
                .collectAsList());
        List<String> together = texts(NightTrain.generate(few.coalesce(1), options("b", withIds(sampled)))
                .orderBy("id", "sample")
                .collectAsList());
        assertThat(apart).isEqualTo(together);
    }

    @Test
    void promptsAreScoredTokenByToken() {
        for (Row row : run("scored", values.with(Settings.PROMPT_LOGPROBS, true))) {
            List<Row> scores = row.getList(row.fieldIndex("prompt_logprobs"));
            double sum = scores.stream()
                    .mapToDouble(score -> score.<Float>getAs("logprob"))
                    .sum();
            assertThat(scores).hasSize(row.<Integer>getAs("prompt_tokens") - 1);
            assertThat(row.<Double>getAs("prompt_logprob")).isNegative().isCloseTo(sum, within(1e-3));
        }
    }

    @Test
    void ranksThatDoNotDivideTheTracksAreRefused() {
        assertThatThrownBy(() -> run("three", values.with(Settings.RANKS, 3)))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("3");
        assertThat(dir.resolve("three")).doesNotExist();
    }

    /** Ids of their own, since those of a Dataset's rows come from their order. */
    private static SettingValues withIds(SettingValues values) {
        return values.with(Settings.ID_COLUMN, "id");
    }

    private List<Row> run(String name, SettingValues set) {
        new GenerateJob().run(spark, options(name, set), ProgressListener.SILENT);
        return spark.read()
                .parquet(dir.resolve(name).resolve("results").toString())
                .collectAsList();
    }

    private GenerateOptions options(String name, SettingValues set) {
        return GenerateOptions.of(
                set.with(Settings.OUTPUT_PATH, dir.resolve(name).toString()));
    }

    private static List<String> texts(List<Row> rows) {
        return rows.stream().map(row -> row.<String>getAs("text")).toList();
    }
}
