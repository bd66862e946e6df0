package nighttrain.pipeline.stores;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import nighttrain.io.UserError;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.job.JobLock;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests a job whose input, journal and output are on a real store. */
@Tag("stores")
@Timeout(value = 5, unit = TimeUnit.MINUTES)
abstract class StoreTest extends JobTest {
    static final int ROWS = 200;

    /** Returns an empty folder. */
    abstract String folder();

    /** Returns the conf by which Hadoop reaches the store. */
    abstract Map<String, String> conf();

    /** Returns the seconds of rows that a kill may lose. */
    abstract double atRiskS();

    @BeforeEach
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    void inputInTheStore() {
        conf().forEach(spark.sparkContext().hadoopConfiguration()::set);
        input(2, prompts(ROWS));
        spark.read().parquet(dir.resolve("input").toString()).write().parquet(folder() + "/input");
        values = values.with(Settings.INPUT_PATH, folder() + "/input").with(Settings.OUTPUT_PATH, folder() + "/output");
    }

    @AfterEach
    void forgetTheStore() {
        conf().keySet().forEach(spark.sparkContext().hadoopConfiguration()::unset);
    }

    List<Row> stored() {
        return spark.read().parquet(folder() + "/output/results").collectAsList();
    }

    void assertEveryRowOnce() {
        assertThat(stored())
                .extracting(row -> row.<String>getAs("text"))
                .containsExactlyInAnyOrderElementsOf(prompts(ROWS));
    }

    @Test
    void aJobThatFailsAndGoesOn() throws IOException {
        script().answersBeforeFailure.set(ROWS / 2);
        script().failures.set(100);
        assertThatThrownBy(this::run).hasStackTraceContaining("the engine was told to fail");
        script().failures.set(0);
        GenerateReport report = run();
        assertThat(report.rowsFromEarlierRuns()).isBetween(1L, ROWS - 1L);
        assertEveryRowOnce();
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
        assertThat(run().wasComplete()).isTrue();
        JobFolder folder =
                JobFolder.of(folder() + "/output", spark.sessionState().newHadoopConf());
        folder.writeReport("another report");
        assertThat(folder.fs().getFileStatus(folder.report()).getLen()).isEqualTo(14);
    }

    @Test
    void ofRunsThatStartTogetherOneGoesOn() throws Exception {
        JobFolder folder =
                JobFolder.of(folder() + "/output", spark.sessionState().newHadoopConf());
        ExecutorService threads = Executors.newFixedThreadPool(4);
        List<Callable<JobLock>> takes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            String run = "run-" + i;
            takes.add(() -> JobLock.take(folder, run));
        }
        List<JobLock> taken = new ArrayList<>();
        for (Future<JobLock> take : threads.invokeAll(takes)) {
            try {
                taken.add(take.get());
            } catch (java.util.concurrent.ExecutionException refused) {
                assertThat(refused).hasCauseInstanceOf(UserError.class).hasMessageContaining("output is in use");
            }
        }
        threads.shutdown();
        assertThat(taken).hasSize(1);
        taken.get(0).close();
    }

    @Test
    void aKilledProcessLosesLittle() throws Exception {
        Set<Long> rows = new java.util.TreeSet<>();
        long appended = journalAndDie();
        Configuration conf = spark.sessionState().newHadoopConf();
        Path folder = new Path(folder() + "/journal");
        Journal journal = new Journal(folder.getFileSystem(conf), folder);
        for (FileStatus file : journal.resultFiles()) {
            try (JournalReader<ResultRow> reader = Journal.read(journal.fs(), file.getPath())) {
                reader.forEachRemaining(row -> assertThat(rows.add(row.row())).isTrue());
            }
        }
        System.out.println(getClass().getSimpleName() + ": " + appended + " rows in 25 s, of which a kill lost "
                + (appended - rows.size()));
        assertThat(rows)
                .containsExactlyElementsOf(
                        LongStream.range(0, rows.size()).boxed().toList());
        // A row takes at least a millisecond, so a second has at most 1000 rows.
        assertThat(appended - rows.size()).isLessThanOrEqualTo((long) (1000 * atRiskS()));
    }

    /** Returns how many rows a process journaled before it was killed. */
    private long journalAndDie() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                java.nio.file.Path.of(System.getProperty("java.home"), "bin", "java")
                        .toString(),
                "-Xmx256m",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "-cp",
                Daemon.testClassPath(),
                JournalChild.class.getName(),
                folder() + "/journal"));
        conf().forEach((key, value) -> command.addAll(List.of(key, value)));
        Process child = new ProcessBuilder(command)
                .redirectError(dir.resolve("child.log").toFile())
                .start();
        long appended = -1;
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
            String line = out.readLine();
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(25);
            for (; line != null && System.nanoTime() < end; line = out.readLine()) {
                appended = Long.parseLong(line);
            }
        } finally {
            child.destroyForcibly();
        }
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(appended)
                .as(java.nio.file.Files.readString(dir.resolve("child.log")))
                .isPositive();
        return appended + 1;
    }
}
