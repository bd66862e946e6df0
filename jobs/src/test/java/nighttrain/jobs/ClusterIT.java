package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import nighttrain.io.table.Summary;
import nighttrain.io.table.SummaryFile;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills executors, a worker and, in the long form, the driver of a running job on a cluster. In the end every id exists once. The short form has 300
 * prompts; {@code -Dnighttrain.soak=20000} runs the soak with 20,000 prompts on the demo model.
 */
class ClusterIT {
    private static final int SOAK_ROWS = Integer.getInteger("nighttrain.soak", 0);
    private static final boolean SOAK = SOAK_ROWS > 0;
    private static final int ROWS = SOAK ? SOAK_ROWS : 300;
    private static final int KILLS = SOAK ? 12 : 2;
    private static final int WORKERS = SOAK ? 3 : 2;
    private static final int SLOTS_PER_EXECUTOR = 2;
    private static final int MAX_NUM_SEQS = SOAK ? 16 : 2;
    /** The engine accepts two batches, and every task takes 16 rows ahead. */
    private static final int IN_FLIGHT_PER_EXECUTOR = 2 * MAX_NUM_SEQS + SLOTS_PER_EXECUTOR * 16;

    /** Waits for all executors, since Spark does not count an executor as lost that died before it registered. */
    private static final Map<String, String> ALL_FROM_THE_START = Map.of(
            "spark.cores.max", String.valueOf(WORKERS * SLOTS_PER_EXECUTOR),
            "spark.scheduler.minRegisteredResourcesRatio", "1.0",
            "spark.scheduler.maxRegisteredResourcesWaitingTime", "4m");

    private static final Duration PATIENCE = SOAK ? Duration.ofHours(2) : Duration.ofMinutes(4);

    /** Chooses the executor or worker to kill. The short form kills an executor, then a worker. */
    private final SplittableRandom random = new SplittableRandom(20261125);

    @TempDir
    Path folder;

    private StandaloneCluster cluster;
    private Path output;
    private JournalView journal;
    /** Number of executors that were killed. */
    private int lost;

    @BeforeEach
    @Timeout(600)
    void aCluster() throws Exception {
        cluster = StandaloneCluster.start(folder);
        for (int worker = 0; worker < WORKERS; worker++) {
            cluster.addWorker(SLOTS_PER_EXECUTOR, "");
        }
        output = folder.resolve("out");
        journal = new JournalView(output);
    }

    @AfterEach
    void end() {
        cluster.close();
    }

    @Test
    @Timeout(7200)
    void everyIdOnceWhateverIsKilled() throws Exception {
        Path input = prompts();
        CommandProcess driver = driver(input);
        try {
            for (int kill = 1; kill <= KILLS; kill++) {
                long rows = (long) ROWS * kill / (KILLS + 2);
                driver.awaitWhileAlive(rows + " rows are finished", PATIENCE, () -> journal.rows() >= rows);
                if (SOAK && kill % 5 == 0) {
                    driver.kill();
                    lost += WORKERS; // its executors end with it
                    driver = driver(input);
                } else if (kill % 2 == 0) {
                    loseAWorker();
                } else {
                    killAnExecutor(driver);
                }
            }
            Set<JournalView.Key> seen = watchUntilTheEnd(driver);
            assertThat(driver.await(PATIENCE)).as(cluster::logs).isZero();
            if (SOAK) {
                System.out.println(driver.out());
            }
            check(seen, driver);
        } finally {
            driver.close();
        }
    }

    private void check(Set<JournalView.Key> seen, CommandProcess driver) throws IOException {
        assertThat(Results.ids(output)).hasSize(ROWS).doesNotHaveDuplicates();
        Summary summary = SummaryFile.read(
                FileSystem.getLocal(new Configuration()),
                new org.apache.hadoop.fs.Path(output.resolve("summary.json").toUri()));
        assertThat(summary.errors()).isZero();
        if (!SOAK) { // the last driver of a soak knows only its own losses
            assertThat(summary.incidents().executorsLost()).isEqualTo(KILLS);
            assertThat(driver.out()).contains("incidents " + KILLS + " executors lost, ");
        }
        assertThat(summary.incidents().rowsRetried())
                .as("rows begun again: at most those in flight when something was killed")
                .isBetween(1L, (long) lost * IN_FLIGHT_PER_EXECUTOR);
        assertThat(seen).as("seen in the journal").hasSizeGreaterThan(ROWS / 2);
    }

    /** Kills an executor that computes rows: one that is still starting would lose nothing. */
    private void killAnExecutor(CommandProcess driver) throws Exception {
        List<ProcessHandle> executors = new ArrayList<>();
        driver.awaitWhileAlive(
                "an executor has rows in flight",
                PATIENCE,
                () -> executors.addAll(cluster.executors().stream()
                        .filter(ClusterWorker::hasRowsInFlight)
                        .toList()));
        executors.get(random.nextInt(executors.size())).destroyForcibly();
        lost++;
    }

    private void loseAWorker() throws Exception {
        cluster.loseAWorker(random);
        lost++;
        if (SOAK) {
            cluster.addWorker(SLOTS_PER_EXECUTOR, "");
        }
    }

    /** Returns the keys that were seen in the journal; fails if one occurs twice. */
    private Set<JournalView.Key> watchUntilTheEnd(CommandProcess driver) throws Exception {
        Set<JournalView.Key> seen = new HashSet<>();
        while (driver.isAlive()) {
            try {
                List<JournalView.Key> keys = journal.rowsByFile().values().stream()
                        .flatMap(Collection::stream)
                        .toList();
                assertThat(keys).as("finished rows that were computed again").doesNotHaveDuplicates();
                seen.addAll(keys);
            } catch (java.io.UncheckedIOException committed) {
                break; // the journal is deleted once the results are written
            }
            Thread.sleep(SOAK ? 5000 : 200);
        }
        return seen;
    }

    private CommandProcess driver(Path input) throws IOException {
        List<String> options = new ArrayList<>(List.of("--id-column", "id", "--max-tokens", SOAK ? "4" : "8"));
        options.addAll(List.of("--max-num-seqs", String.valueOf(MAX_NUM_SEQS)));
        options.addAll(SOAK ? List.of() : TinyModel.OPTIONS);
        options.addAll(SOAK ? List.of() : List.of("--limit", String.valueOf(ROWS)));
        Path model = SOAK ? Project.DEMO_MODEL : folder.resolve("model");
        if (!Files.exists(model)) {
            TinyModel.in(model);
        }
        // Without the optimizing compiler the real model's matmul is too slow to use.
        Map<String, String> conf =
                SOAK ? Map.of("spark.executor.extraJavaOptions", "-XX:+UseSerialGC") : ALL_FROM_THE_START;
        return cluster.driver(conf, Demo.command(model, input, output, options.toArray(String[]::new)));
    }

    private Path prompts() {
        int copies = (ROWS - 1) / 500 + 1;
        return !SOAK
                ? Project.DEMO_PROMPTS
                : Results.write(folder.resolve("prompts"), """
                    select concat(id, '-', copy) id, prompt from parquet.`%s` cross join
                    (select explode(sequence(1, %d)) copy) limit %d\
                    """.formatted(Project.DEMO_PROMPTS, copies, ROWS));
    }
}
