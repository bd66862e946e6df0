package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code kill -9} of the real command at ten moments of one job, each time run again: in the end every id once, and no row that a
 * run left in the journal computed by a later one.
 */
class KillTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int ROWS = 400;

    private final SplittableRandom random = new SplittableRandom(20261122);
    private final Set<JournalView.Key> finished = new HashSet<>();
    private final Set<String> knownFiles = new HashSet<>();

    @TempDir
    Path folder;

    @Test
    @Timeout(240)
    void everyIdOnceAndNoFinishedRowTwice() throws Exception {
        Path output = folder.resolve("out");
        JournalView journal = new JournalView(output);

        killWhen("Spark starts", () -> true, journal);
        killWhen("the job has a folder", () -> Files.exists(output.resolve("_nighttrain/job.json")), journal);
        for (int kill = 0; kill < 6; kill++) {
            long rows = finished.size() + random.nextLong(1, 40);
            killWhen("row " + rows + " is in the journal", () -> journal.rows() >= rows, journal);
        }
        killWhen("all rows are in the journal", () -> journal.rows() == ROWS, journal);
        killWhen("results are written", () -> exists(output.resolve("_nighttrain"), "tmp-"), journal);

        assertThat(finished).as("journaled before the last run").hasSize(ROWS);
        String summary = complete();
        assertThat(summary).startsWith(ROWS + " rows, 0 errors in ").contains("(" + ROWS + " from earlier runs)");
        assertThat(Results.ids(output)).hasSize(ROWS).doesNotHaveDuplicates();
    }

    /** Runs the command until {@code moment} and a random instant longer, kills it, and counts what it computed. */
    private void killWhen(String what, Callable<Boolean> moment, JournalView journal) throws Exception {
        try (CommandProcess process = start()) {
            long deadlineNanos = System.nanoTime() + PATIENCE.toNanos();
            while (!moment.call()) {
                assertThat(process.isAlive())
                        .as("alive until %s; it said: %s", what, process.messages())
                        .isTrue();
                assertThat(System.nanoTime()).as("in time until %s", what).isLessThan(deadlineNanos);
                Thread.sleep(10);
            }
            Thread.sleep(random.nextInt(200));
            assertThat(process.isAlive()).as("still running when %s", what).isTrue();
            process.kill();
        }
        Map<String, List<JournalView.Key>> rows = journal.rowsByFile();
        List<JournalView.Key> computed = new ArrayList<>();
        rows.forEach((file, keys) -> {
            if (knownFiles.add(file)) {
                computed.addAll(keys);
            }
        });
        assertThat(computed)
                .as("computed until %s", what)
                .doesNotHaveDuplicates()
                .doesNotContainAnyElementsOf(finished);
        finished.addAll(computed);
    }

    private String complete() throws Exception {
        try (CommandProcess process = start()) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            return process.out();
        }
    }

    private CommandProcess start() throws IOException {
        return CommandProcess.start(
                folder,
                Map.of("NIGHTTRAIN_JAVA_OPTS", "-Xmx1g"),
                List.of(
                        Project.LAUNCHER.toString(),
                        "generate",
                        "--model",
                        Project.DEMO_MODEL.toString(),
                        "--input",
                        Project.DEMO_PROMPTS.toString(),
                        "--output",
                        folder.resolve("out").toString(),
                        "--limit",
                        String.valueOf(ROWS),
                        "--id-column",
                        "id",
                        "--max-tokens",
                        "24",
                        "--max-num-seqs",
                        "4", // slow, so that moments differ
                        "--conf",
                        "spark.ui.enabled=false"));
    }

    private static boolean exists(Path dir, String prefix) throws IOException {
        if (!Files.isDirectory(dir)) {
            return false;
        }
        try (Stream<Path> files = Files.list(dir)) {
            return files.anyMatch(file -> file.getFileName().toString().startsWith(prefix));
        }
    }
}
