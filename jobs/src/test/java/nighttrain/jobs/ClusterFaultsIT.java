package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.table.Summary;
import nighttrain.io.table.SummaryFile;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.RunFault.EngineFault;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rarer faults on a real cluster. Runs with {@code -Dnighttrain.soak}, since each of them costs some executors. */
@EnabledIfSystemProperty(named = "nighttrain.soak", matches = "\\d+")
@Timeout(600)
class ClusterFaultsIT {
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final int ROWS = 200;

    @TempDir
    Path folder;

    private StandaloneCluster cluster;
    private Path output;
    private JournalView journal;

    @BeforeEach
    @Timeout(600)
    void twoWorkers() throws Exception {
        cluster = StandaloneCluster.start(folder);
        cluster.addWorker(2, "");
        cluster.addWorker(2, "");
        output = folder.resolve("out");
        journal = new JournalView(output);
        TinyModel.in(folder.resolve("model"));
    }

    @AfterEach
    void end() {
        cluster.close();
    }

    @ParameterizedTest
    @EnumSource
    void aPromptThatEndsItsProcessIsQuarantinedAlone(DeadlyEngines.Death death) throws Exception {
        try (SparkSession spark = session(16);
                Tokenizer tokenizer = Tokenizer.open(Project.DEMO_MODEL)) {
            String prompt = spark.read()
                    .parquet(Project.DEMO_PROMPTS.toString())
                    .limit(ROWS)
                    .collectAsList()
                    .get(77)
                    .getAs("prompt");
            GenerateReport report = new GenerateJob(new DeadlyEngines(tokenizer.encode(prompt, true), death))
                    .run(spark, GenerateOptions.of(settings()), ProgressListener.SILENT);
            assertThat(report.rows()).isEqualTo(ROWS);
            assertThat(report.errors()).isEqualTo(1);
        }
        List<Row> quarantined = Results.rows(output, "id", "error", "attempts").stream()
                .filter(row -> !row.isNullAt(1))
                .toList();
        assertThat(quarantined).extracting(Row::toString).containsExactly("[prompts.parquet:77,quarantined,4]");
        assertThat(summary().incidents().executorsLost()).isEqualTo(4);
        assertThat(summary().incidents().rowsQuarantined()).isEqualTo(1);
    }

    @Test
    void gpusThatServeNoProcessEndTheJob() throws IOException {
        try (SparkSession spark = session(4)) {
            GenerateJob job =
                    new GenerateJob(new DeadlyEngines(DeadlyEngines.AT_ONCE, DeadlyEngines.Death.LOSE_DEVICE));
            assertThatThrownBy(() -> job.run(spark, GenerateOptions.of(settings()), ProgressListener.SILENT))
                    .isInstanceOf(EngineFault.class)
                    .hasMessageMatching("GPUs served no process for long: .*"
                            + " \\(every try of a task ended so; .*, then run the same command again.*\\)");
        }
        assertThat(cluster.logs()).contains("executor ends with exit code 90");
    }

    private SparkSession session(int maxFailures) {
        SparkConf conf =
                new SparkConf().setAppName("faults").set("spark.task.maxFailures", String.valueOf(maxFailures));
        cluster.conf().forEach(conf::set);
        return SparkSession.builder().config(conf).getOrCreate();
    }

    @Test
    void copiesOfTasksDuplicateNoRow() throws Exception {
        Map<String, String> conf = new LinkedHashMap<>();
        conf.put("spark.speculation", "true");
        conf.put("spark.speculation.interval", "50ms");
        conf.put("spark.speculation.multiplier", "1.01");
        conf.put("spark.speculation.quantile", "0.1");
        conf.put("spark.speculation.minTaskRuntime", "50ms");
        conf.put("spark.default.parallelism", "8");
        try (CommandProcess driver = driver(conf)) {
            assertThat(driver.await(PATIENCE)).as(cluster::logs).isZero();
        }
        assertThat(Results.ids(output)).hasSize(ROWS).doesNotHaveDuplicates();
        assertThat(summary().errors()).isZero();
    }

    @Test
    void anExecutorThatIsToldToGoFinishesWhatItHas() throws Exception {
        Map<String, String> conf = Map.of("spark.decommission.enabled", "true");
        try (CommandProcess driver = driver(conf)) {
            driver.awaitWhileAlive("rows are finished", PATIENCE, () -> journal.rows() > 20);
            List<ProcessHandle> atWork = cluster.executors(); // excludes one that is still starting and ignores signals
            CommandProcess.signal("TERM", atWork.get(0));
            driver.awaitWhileAlive("more rows are finished", PATIENCE, () -> journal.rows() > 80);
            CommandProcess.signal("PWR", atWork.get(1));
            while (driver.isAlive()) {
                assertThat(keys()).as("finished rows that were computed again").doesNotHaveDuplicates();
                Thread.sleep(200);
            }
            assertThat(driver.await(PATIENCE)).as(cluster::logs).isZero();
        }
        assertThat(cluster.logs())
                .contains(
                        "SIGTERM: this executor takes up no more rows", "SIGPWR: this executor takes up no more rows");
        assertThat(Results.ids(output)).hasSize(ROWS).doesNotHaveDuplicates();
        assertThat(summary().errors()).isZero();
        // Rows in flight are finished; rows that tasks took ahead of that are given back.
        assertThat(summary().incidents().rowsRetried()).isLessThan(4 * 16);
    }

    private List<JournalView.Key> keys() {
        try {
            return journal.rowsByFile().values().stream()
                    .flatMap(Collection::stream)
                    .toList();
        } catch (java.io.UncheckedIOException committed) {
            return List.of(); // the journal is deleted once the results are written
        }
    }

    private Summary summary() throws Exception {
        return SummaryFile.read(
                FileSystem.getLocal(new Configuration()),
                new org.apache.hadoop.fs.Path(output.resolve("summary.json").toUri()));
    }

    private SettingValues settings() {
        Map<String, Object> options = new LinkedHashMap<>();
        options.put("model", folder.resolve("model"));
        options.put("loadFormat", "dummy");
        options.put("ignoreEos", true);
        options.put("input", Project.DEMO_PROMPTS);
        options.put("output", output);
        options.put("limit", ROWS);
        options.put("maxTokens", 8);
        options.put("maxNumSeqs", 2);
        return SettingValues.resolve(options, key -> Optional.empty(), Map.of());
    }

    private CommandProcess driver(Map<String, String> conf) throws Exception {
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of("--limit", String.valueOf(ROWS), "--id-column", "id", "--max-tokens", "16"));
        options.addAll(List.of("--max-num-seqs", "2"));
        return cluster.driver(
                conf,
                Demo.command(folder.resolve("model"), Project.DEMO_PROMPTS, output, options.toArray(String[]::new)));
    }
}
