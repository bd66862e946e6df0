package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.FakeEngines;
import nighttrain.pipeline.testing.FakeScript;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests SQL functions that call a model, on an engine that echoes prompts and counts computations. */
class NightTrainExtensionsTest {
    private static final int ROWS = 40;

    private final FakeEngines engines = FakeEngines.create();
    private final SparkSession spark = TestSpark.with(new NightTrainExtensions(engines));

    @TempDir
    private Path dir;

    private String generate;

    @BeforeEach
    void table() {
        String model = TinyModel.in(dir.resolve("model")).toString();
        spark.conf().set("spark.nighttrain.model", model);
        spark.conf().set("spark.nighttrain.loadFormat", "dummy");
        generate = "llm_generate(text, map('max_tokens', '20'))";
        rows(ROWS, 3).createOrReplaceTempView("t");
    }

    @AfterEach
    void everythingIsClosed() {
        spark.catalog().clearCache();
        assertThat(script().openSessions.get()).isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void rowsGoToTheEngineTogetherAndKeepTheirOrder(boolean adaptive) {
        adaptive(adaptive);
        rows(200, 1).createOrReplaceTempView("many");
        script().capacity.set(32);

        List<Row> rows =
                spark.sql("SELECT id, upper(" + generate + ") AS big FROM many").collectAsList();

        assertThat(rows).extracting(row -> row.getLong(0)).containsExactlyElementsOf(ids(200));
        assertThat(rows).extracting(row -> row.getString(1)).containsExactlyElementsOf(texts(200, "TEXT "));
        assertThat(script().computations()).isEqualTo(200);
        assertThat(script().mostInFlight.get()).isEqualTo(32);
        assertThat(script().opened.get()).isEqualTo(1);
    }

    @Test
    void aResultWaitsForThoseBeforeIt() {
        rows(200, 1).createOrReplaceTempView("many");
        script().latestFirst.set(true);
        Dataset<Row> table = spark.sql("SELECT llm_generate(CASE WHEN id % 5 = 0 THEN NULL ELSE text END,"
                + " map('max_num_seqs', '4')) AS g, text FROM many");

        List<Row> rows = table.collectAsList();
        assertThat(rows)
                .hasSize(200)
                .allSatisfy(row -> assertThat(row.getString(0))
                        .isEqualTo(row.getString(1).matches(".*[05]") ? null : row.getString(1)));
        assertThat(rows).extracting(row -> row.getString(1)).containsExactlyElementsOf(texts(200, "text "));
        assertThat(script().mostInFlight.get()).isEqualTo(8);
    }

    @Test
    void explainShowsTheOperatorAndItsSettings() {
        String plan =
                spark.sql("EXPLAIN SELECT " + generate + " FROM t").first().getString(0);
        assertThat(plan)
                .containsPattern("CallModel llm_generate_result\\(text#\\d+, loadFormat=dummy, maxTokens=20, model=/");
        assertThat(script().computations()).isZero();
    }

    @Test
    void aRowWithoutTextHasNoResultAndOneThatFailsHasItsError() {
        script().refused.add("text 2");
        List<Row> rows = spark.sql("SELECT r.text, r.error, r.error_message, r.finish_reason, r IS NULL, g FROM (SELECT"
                        + " id, llm_generate_result(said) AS r, llm_generate(said) AS g FROM"
                        + " (SELECT id, CASE id WHEN 1 THEN NULL WHEN 3 THEN '' ELSE text END AS said FROM t))"
                        + " WHERE id < 4 ORDER BY id")
                .collectAsList();

        assertThat(rows)
                .extracting(Row::mkString)
                .containsExactly(
                        "text 0nullnullstopfalsetext 0",
                        "nullnullnullnulltruenull",
                        "nullrefusedengine refused the prompt: text 2 (as told)errorfalsenull",
                        "nullempty_promptprompt is empty: 0 tokens (at least 1; fill it or leave the row out)error"
                                + "falsenull");
        assertThat(script().computations()).as("the two calls are one").isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "SELECT id, @ AS g FROM t LIMIT 5 | 5",
                "SELECT * FROM (SELECT id, @ AS g FROM t) WHERE id >= 30 AND g LIKE 'text%' | 10",
                "SELECT id, @ AS g FROM t ORDER BY id DESC LIMIT 3 | 3",
                "SELECT id * 2 AS twice, @ AS g FROM t ORDER BY twice LIMIT 3 | 3",
                "SELECT id FROM (SELECT id, @ AS g FROM t) | 0",
                "SELECT count(*) FROM (SELECT id, @ AS g FROM t) | 0",
                "SELECT id FROM t WHERE @ = 'text 7' | 40",
                "SELECT id, @ AS g FROM t ORDER BY g | 40",
                "SELECT id, @ AS g, length(@) AS l FROM t | 40",
                "SELECT a.id, a.g, u.id FROM (SELECT id, @ AS g FROM t) a JOIN t u ON a.id = u.id WHERE u.id < 100 | 40",
                "SELECT id, @ AS g FROM t UNION ALL SELECT id, text FROM t | 40",
                "WITH g AS (SELECT id, @ AS g FROM t) SELECT * FROM g a JOIN g b ON a.id = b.id | 40",
                "SELECT substring(@, 1, 6) AS k, count(*) FROM t GROUP BY k ORDER BY k | 40",
                "SELECT max(@) FROM t | 40",
                "SELECT id % 4 AS k, llm_generate(concat('of ', id % 4, ': ', max(text))) FROM t GROUP BY id % 4 | 4",
                "SELECT id % 4 AS k, count(*) FROM t GROUP BY id % 4 HAVING llm_generate(max(text)) LIKE 'text%' | 4",
                "SELECT llm_generate(concat('again ', @)) FROM t WHERE id < 10 | 20",
                "SELECT DISTINCT @ FROM t | 40",
                "SELECT id FROM t u WHERE id IN (SELECT id FROM t WHERE @ <> '' AND id < 7) | 7",
            })
    void onlyWhatAQueryNeedsIsComputedAndThatOnce(String query, int computations) {
        for (boolean adaptive : List.of(true, false)) {
            adaptive(adaptive);
            int before = script().computations();
            List<Row> rows = spark.sql(query.replace("@", generate)).collectAsList();
            assertThat(script().computations() - before)
                    .as("adaptive: " + adaptive)
                    .isEqualTo(computations);
            assertThat(rows).isNotEmpty();
        }
    }

    @Test
    void queriesHaveTheRowsThatTheyWouldHaveOfAColumn() {
        // The engine echoes, so the result of a call equals its text.
        for (String query : List.of(
                "SELECT id, @ AS g FROM t ORDER BY g DESC LIMIT 4",
                "SELECT id * 2 AS twice, @ AS g FROM t ORDER BY twice DESC LIMIT 4",
                "SELECT id, g FROM (SELECT id, @ AS g FROM t) WHERE g > 'text 3' AND id % 2 = 0 ORDER BY id",
                "SELECT id, @ AS g FROM t WHERE id > 3 ORDER BY id LIMIT 4 OFFSET 2",
                "SELECT k, max(g) AS m FROM (SELECT id % 3 AS k, @ AS g FROM t) GROUP BY k ORDER BY k",
                "SELECT id % 3 AS k, concat(@, '') AS g, count(*) AS n FROM t GROUP BY k, g ORDER BY g LIMIT 7",
                "SELECT a.id, b.g FROM (SELECT id, @ AS g FROM t) a JOIN (SELECT id, @ AS g FROM t) b ON a.g = b.g"
                        + " ORDER BY a.id",
                "SELECT id, row_number() OVER (PARTITION BY id % 2 ORDER BY @) AS n FROM t ORDER BY id",
                "SELECT id, word FROM t LATERAL VIEW explode(split(@, ' ')) AS word ORDER BY id, word")) {
            assertThat(spark.sql(query.replace("@", generate)).collectAsList())
                    .as(query)
                    .isEqualTo(spark.sql(query.replace("@", "text")).collectAsList());
        }
    }

    @Test
    void aQueryThatRunsAgainComputesAgainUnlessItIsCached() {
        Dataset<Row> table = spark.sql("SELECT id, " + generate + " AS g FROM t");
        table.collectAsList();
        table.collectAsList();
        assertThat(script().computations()).isEqualTo(2 * ROWS);

        table.persist(StorageLevel.MEMORY_AND_DISK());
        assertThat(table.filter("g IS NOT NULL").count()).isEqualTo(ROWS);
        assertThat(table.join(table.select("id"), "id").count()).isEqualTo(ROWS);
        assertThat(table.union(table).distinct().count()).isEqualTo(ROWS);
        assertThat(script().computations()).isEqualTo(3 * ROWS);
    }

    @Test
    void aTableJoinsItself() {
        Dataset<Row> table = spark.sql("SELECT id, " + generate + " AS g FROM t");
        assertThat(table.join(table, "id").collectAsList()).hasSize(ROWS);
        assertThat(table.as("a").join(table.as("b")).where("a.g = b.g").collectAsList())
                .hasSize(ROWS);
    }

    @Test
    void resultsAreWrittenAsAnyTables() {
        String path = dir.resolve("written").toString();
        spark.sql("SELECT id, " + generate + " AS g FROM t").write().parquet(path);
        assertThat(spark.read().parquet(path).filter("g = concat('text ', id)").count())
                .isEqualTo(ROWS);
        spark.sql("CREATE TABLE written_by_sql USING parquet LOCATION '" + path
                + "2' AS SELECT id, llm_generate_result(" + "text) AS r FROM t");
        try {
            assertThat(spark.sql("SELECT id FROM written_by_sql WHERE r.text = concat('text ', id)")
                            .count())
                    .isEqualTo(ROWS);
        } finally {
            spark.sql("DROP TABLE written_by_sql");
        }
        assertThat(script().computations()).isEqualTo(2 * ROWS);
    }

    @Test
    void anEngineThatFailsIsOpenedAgainAndItsTaskRepeated() {
        script().answersBeforeFailure.set(5);
        List<Row> rows = spark.sql("SELECT id, " + generate + " FROM t").collectAsList();
        assertThat(rows).extracting(row -> row.getString(1)).containsExactlyElementsOf(texts(ROWS, "text "));
        assertThat(script().opened.get()).isEqualTo(2);
    }

    @Test
    void resultsAreThoseOfAJob() {
        SettingValues job = SettingValues.none()
                .with(Settings.MODEL, spark.conf().get("spark.nighttrain.model"))
                .with(Settings.PROMPT_TEXT, "About: {text}")
                .with(Settings.TEMPERATURE, 1.0)
                .with(Settings.ID_COLUMN, "said");
        List<Row> texts =
                results(job.with(Settings.OUTPUT_PATH, dir.resolve("a").toString()), "text");
        assertThat(spark.sql("SELECT llm_generate(text, map('Prompt', 'About: {text}', 'temperature', '1')) AS g FROM t"
                                + " ORDER BY id")
                        .collectAsList())
                .as("sampled by the prompt")
                .isEqualTo(texts)
                .doesNotHaveDuplicates();

        List<Row> labels = results(
                SettingValues.none()
                        .with(Settings.MODEL, spark.conf().get("spark.nighttrain.model"))
                        .with(Settings.PROMPT_TEXT, "{text}:")
                        .with(Settings.LABELS, List.of("a", "bc", "bd"))
                        .with(Settings.OUTPUT_PATH, dir.resolve("b").toString()),
                "label, confidence, margin, probabilities, prompt_tokens");
        assertThat(spark.sql("SELECT r.label, r.confidence, r.margin, r.probabilities, r.prompt_tokens FROM (SELECT id,"
                                + " llm_label_result(text, array('a', 'bc', 'bd'), map('prompt', '{text}:')) AS r FROM t)"
                                + " ORDER BY id")
                        .collectAsList())
                .isEqualTo(labels);
        assertThat(spark.sql(
                                "SELECT llm_label(text, array('a', 'bc', 'bd'), map('prompt', '{text}:')) FROM t ORDER BY id")
                        .collectAsList())
                .extracting(row -> row.getString(0))
                .containsExactlyElementsOf(
                        labels.stream().map(row -> row.getString(0)).toList());
    }

    /** Returns the results of a job over the same rows. */
    private List<Row> results(SettingValues job, String columns) {
        Dataset<Row> prompts = spark.sql("SELECT *, concat('About: ', text) AS said FROM t ORDER BY id");
        return NightTrain.generate(prompts, job, engines)
                .selectExpr(columns.split(", "))
                .collectAsList();
    }

    @Test
    void severalLabelsAreAnArray() {
        Row row = spark.sql(
                        "SELECT llm_label(text, array('a', 'b'), map('multi', 'true', 'threshold', '0', 'prompt', '{text} {label}')) FROM t LIMIT 1")
                .first();
        assertThat(row.getList(0)).isEqualTo(List.of("a", "b"));
    }

    @Test
    void callsThatCannotBeAreRefused() {
        refuses("llm_generate(text, map('max_tokns', '3'))", "unknown option: max_tokns (did you mean maxTokens?; see");
        refuses("llm_generate(text, map('max_tokens', 'many'))", "bad value of maxTokens: many (a whole number; leave");
        refuses("llm_generate(text, map('output', '/o'))", "option has no use here: output (a call of llm_generate");
        refuses("llm_generate(text, map('n', '2'))", "option has no use here: n (");
        refuses("llm_label(text, array('a', 'b'), map('temperature', '1'))", "option has no use here: temperature (");
        refuses("llm_generate(text, map('model', '/m', 'n', 2))", "bad options: map(");
        refuses("llm_generate(text, map('seed', text))", "bad options of llm_generate: map('seed', ");
        refuses("llm_generate(id)", "wrong type of argument: ");
        refuses("llm_generate()", "wrong number of arguments: llm_generate with 0 (");
        refuses("llm_label(text)", "wrong number of arguments: llm_label with 1 (");
        refuses("llm_label(text, array('a'))", "too few labels: a (");
        refuses("llm_label(text, array('a,b', 'c'))", "bad labels: 'a,b' (");
        refuses("llm_label(text, array(' a', 'c'))", "bad labels: ' a' (");
        refuses("llm_generate(text, map('max_tokens', '1', 'maxTokens', '2'))", "option given twice: maxTokens (");
        refuses("llm_generate(text, map('seed', CAST(NULL AS STRING)))", "bad options: seed is null (");
        refuses("llm_label(text, split(text, ' '))", "bad labels: split(");
        refuses("transform(array(text), x -> llm_generate(x))", "no place for a call of the model: llm_generate(");
        spark.conf().set("spark.nighttrain.maxTokns", "3");
        refuses("llm_generate(text)", "no such setting: spark.nighttrain.maxTokns (");
        spark.conf().unset("spark.nighttrain.maxTokns");
        refuses("llm_generate(text, map('model', '/nowhere'))", "model directory not found: /nowhere (");
        refuses(
                "llm_generate(text), llm_generate(text, map('max_num_seqs', '7'))",
                "more than one engine in a query: ");
        assertThatThrownBy(() -> spark.sql("SELECT * FROM t a JOIN t b ON llm_generate(a.text) = b.text"))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("no place for a call of the model: llm_generate(");
        assertThat(script().computations()).isZero();
    }

    private void refuses(String expressions, String message) {
        assertThatThrownBy(() -> spark.sql("SELECT " + expressions + " FROM t").collectAsList())
                .as(expressions)
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith(message);
    }

    private FakeScript script() {
        return engines.script();
    }

    private void adaptive(boolean adaptive) {
        spark.conf().set("spark.sql.adaptive.enabled", adaptive);
    }

    private Dataset<Row> rows(int rows, int partitions) {
        return spark.range(0, rows, 1, partitions).selectExpr("id", "concat('text ', id) AS text");
    }

    private static List<Long> ids(int rows) {
        List<Long> ids = new ArrayList<>();
        for (long id = 0; id < rows; id++) {
            ids.add(id);
        }
        return ids;
    }

    private static List<String> texts(int rows, String before) {
        return IntStream.range(0, rows).mapToObj(id -> before + id).toList();
    }
}
