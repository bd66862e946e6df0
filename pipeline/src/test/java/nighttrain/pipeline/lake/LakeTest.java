package nighttrain.pipeline.lake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.RunFault.StorageFault;
import nighttrain.pipeline.RunFault.TableFault;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.TableMode;
import nighttrain.pipeline.testing.JobTest;
import nighttrain.pipeline.testing.ScriptedStore;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Reads input from and writes results to tables of a format with commits, by the format's own library. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
abstract class LakeTest extends JobTest {
    private static final int ROWS = 12;
    /** Limit for the start of Spark in a process of its own, beside other builds. */
    private static final Duration START_OF_A_SPARK = Duration.ofMinutes(4);

    /** Returns the name of the format in {@code --format}. */
    abstract String format();

    /** Returns the conf of a session that knows the format. */
    abstract Map<String, String> conf();

    /** Returns the SQL name of a table that does not exist yet and that other processes can find too. */
    abstract String newTable();

    /** Creates a table for rows {@code (key, prompt)} and returns its SQL name. Each commit from 1 on adds three rows. */
    abstract String inputTable();

    /** Returns the path of an input table. */
    abstract Path pathOf(String inputTable);

    /** Returns the version of the first commit, in the form of Spark's {@code versionAsOf}. */
    abstract String firstVersion(String inputTable);

    /** Returns the number of commits to a table after the one that creates it. */
    abstract long commits(String table);

    /** Stops the session of all other tests and starts Spark with {@code conf}. */
    static void startSpark(Map<String, String> conf) {
        TestSpark.session().stop();
        SparkSession.Builder builder = TestSpark.builder();
        conf.forEach(builder::config);
        builder.getOrCreate();
    }

    @AfterAll
    static void stopSpark() {
        TestSpark.session().stop();
    }

    @BeforeEach
    void inputWithIds() {
        input(2, prompts(ROWS));
        values = values.with(Settings.ID_COLUMN, "key");
    }

    @Test
    void aTableIsReadByNameAndByPathAndAsItWas() {
        String table = inputTable();
        addTo(table, 0);
        addTo(table, 3);
        spark.sql("DELETE FROM " + table + " WHERE key = 1");
        values = values.with(Settings.FORMAT, format());
        List<String> live = List.of("prompt 0", "prompt 2", "prompt 3", "prompt 4", "prompt 5");

        assertThat(texts(table, "by-name")).containsExactlyInAnyOrderElementsOf(live);
        assertThat(texts(pathOf(table).toString(), "by-path")).containsExactlyInAnyOrderElementsOf(live);
        values = values.with(Settings.FORMAT_OPTION, List.of("versionAsOf=" + firstVersion(table)));
        assertThat(texts(table, "as-it-was")).containsExactlyInAnyOrder("prompt 0", "prompt 1", "prompt 2");
        assertThat(texts(pathOf(table).toString(), "path-as-it-was"))
                .containsExactlyInAnyOrder("prompt 0", "prompt 1", "prompt 2");
    }

    @Test
    void rowsAreMergedById() {
        String table = newTable();
        values = values.with(Settings.OUTPUT_TABLE, table).with(Settings.LIMIT, 8L);
        run();
        assertThat(commits(table)).isEqualTo(1);
        assertEveryIdOnce(table, 8);
        assertThat(spark.read().table(table).schema().fieldNames())
                .startsWith("id", "text", "finish_reason")
                .endsWith("job");
        spark.sql("ALTER TABLE " + table + " ADD COLUMNS (note STRING)");
        spark.sql("UPDATE " + table + " SET note = 'seen'");
        long before = commits(table);

        values = values.with(Settings.LIMIT, (long) ROWS)
                .with(Settings.PROMPT_TEXT, "again {prompt}")
                .with(Settings.OUTPUT_PATH, dir.resolve("second").toString());
        run();
        assertThat(commits(table)).isEqualTo(before + 1);
        assertThat(spark.read().table(table).select("id", "text", "note").collectAsList())
                .extracting(Row::toString)
                .containsExactlyInAnyOrderElementsOf(IntStream.range(0, ROWS)
                        .mapToObj(i -> "[" + i + ",again prompt " + i + "," + (i < 8 ? "seen" : null) + "]")
                        .toList());
        assertThat(run().wasComplete()).isTrue();
        assertThat(commits(table)).isEqualTo(before + 1);
    }

    @Test
    void samplesAreMergedByIdAndNumber() {
        String table = newTable();
        values = values.with(Settings.OUTPUT_TABLE, table)
                .with(Settings.SAMPLES, 2)
                .with(Settings.TEMPERATURE, 1.0);
        run();
        values = values.with(Settings.OVERWRITE, true);
        run();
        assertThat(commits(table)).isEqualTo(2);
        assertThat(spark.read().table(table).select("id", "sample").distinct().count())
                .isEqualTo(2 * ROWS);
        assertThat(spark.read().table(table).count()).isEqualTo(2 * ROWS);
    }

    /** The process is killed during the table's commit, which takes a second. */
    @Test
    void aRunKilledBetweenResultsAndCommitIsEndedByTheNext() throws Exception {
        String table = newTable();
        values = values.with(Settings.OUTPUT_TABLE, table);
        Process child = child(table);
        try {
            await(
                    "results are there",
                    START_OF_A_SPARK,
                    () -> !child.isAlive()
                            || output().resolve("results").toFile().exists());
        } finally {
            child.destroyForcibly().waitFor();
        }
        assertThat(output().resolve("results"))
                .as(java.nio.file.Files.readString(dir.resolve("child.log")))
                .isDirectory();
        assertThat(output().resolve("summary.json")).doesNotExist();
        assertThat(commits(table)).isZero();

        GenerateReport report = run();
        assertThat(report.rowsFromEarlierRuns()).isEqualTo(ROWS);
        assertThat(script().computations()).isZero();
        assertThat(commits(table)).isEqualTo(1);
        assertEveryIdOnce(table, ROWS);
    }

    @Test
    void aRunThatEndedAfterTheCommitIsNotCommittedTwice() {
        String table = newTable();
        ScriptedStore.Script store = ScriptedStore.in(spark);
        store.full = ".*summary.json.*";
        values = values.with(Settings.OUTPUT_TABLE, table)
                .with(Settings.TABLE_MODE, TableMode.APPEND)
                .with(Settings.OUTPUT_PATH, ScriptedStore.uri(output()));
        assertThatThrownBy(this::run).isInstanceOf(StorageFault.class);
        assertThat(commits(table)).isEqualTo(1);
        store.full = null;

        run();
        assertThat(commits(table)).isEqualTo(1);
        assertEveryIdOnce(table, ROWS);

        // The user has the rows computed again: they count as new rows and are appended.
        values = values.with(Settings.OVERWRITE, true);
        run();
        assertThat(commits(table)).isEqualTo(2);
        assertThat(spark.read().table(table).count()).isEqualTo(2 * ROWS);
    }

    @Test
    void aTableThatIsGoneIsToldAndMadeAgain() {
        String table = newTable();
        values = values.with(Settings.OUTPUT_TABLE, table);
        script().onAnswer(ROWS / 2, () -> drop(table));
        assertThatThrownBy(this::run)
                .isInstanceOf(TableFault.class)
                .hasMessageStartingWith("cannot commit to the output table: " + table + " (")
                .hasMessageEndingWith("; the results are finished: mend that, then run the same command again, which"
                        + " computes nothing twice)");
        run();
        assertThat(script().computations()).isEqualTo(ROWS);
        assertThat(commits(table)).isEqualTo(1);
        assertEveryIdOnce(table, ROWS);
    }

    @Test
    void aTableOfOthersMustHaveTheColumns() {
        String table = newTable();
        spark.range(1)
                .selectExpr("cast(id as string) as id", "id as text", "'x' as job")
                .createOrReplaceTempView("others");
        spark.sql("CREATE TABLE " + table + " USING " + format() + " AS SELECT * FROM others");
        values = values.with(Settings.OUTPUT_TABLE, table);
        assertThatThrownBy(this::run)
                .hasMessageStartingWith(
                        "output table lacks columns: " + table + " (text STRING, finish_reason STRING, ")
                .hasMessageEndingWith("; add them by ALTER TABLE, or name a table that is not there yet)");
        assertThat(output()).doesNotExist();
    }

    /** Deletes the table, as another process would. */
    abstract void drop(String table);

    private List<String> texts(String input, String output) {
        values = values.with(Settings.INPUT_PATH, input)
                .with(Settings.OUTPUT_PATH, dir.resolve(output).toString());
        run();
        Dataset<Row> results =
                spark.read().parquet(dir.resolve(output).resolve("results").toString());
        assertThat(results.filter("concat('prompt ', id) <> text").count()).isZero();
        return results.select("text").as(Encoders.STRING()).collectAsList();
    }

    private void addTo(String table, int from) {
        spark.range(from, from + 3L)
                .selectExpr("id as key", "concat('prompt ', id) as prompt")
                .coalesce(1)
                .createOrReplaceTempView("more");
        spark.sql("INSERT INTO " + table + " SELECT * FROM more");
    }

    private void assertEveryIdOnce(String table, int rows) {
        assertThat(spark.read().table(table).select("id", "text").collectAsList())
                .extracting(row -> row.getString(0) + " " + row.getString(1))
                .containsExactlyInAnyOrderElementsOf(IntStream.range(0, rows)
                        .mapToObj(i -> i + " prompt " + i)
                        .toList());
    }

    private Process child(String table) throws java.io.IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("--add-") || flag.startsWith("-XX:"))
                .forEach(command::add);
        command.addAll(List.of("-Xmx1g", "-Dio.netty.tryReflectionSetAccessible=true", "-cp"));
        command.add(System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
        command.addAll(List.of(LakeChild.class.getName(), dir.toString(), table));
        conf().entrySet().stream()
                .flatMap(each -> Stream.of(each.getKey(), each.getValue()))
                .forEach(command::add);
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("child.log").toFile())
                .start();
    }
}
