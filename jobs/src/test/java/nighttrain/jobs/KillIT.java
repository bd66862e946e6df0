package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills the real command with {@code kill -9} at moments of one job and runs it again each time. In the end every id exists once, and no run has
 * computed a row that an earlier run left in the journal. Tests the three moments that differ by what is on disk; {@code -Dnighttrain.kills=10} tests
 * ten, in two more minutes.
 */
class KillIT {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int ROWS = 200;
    private static final int TRIALS = 3;
    private static final int MOST_ROWS_BETWEEN_KILLS = 25;

    private static final int KILLS = Integer.getInteger("nighttrain.kills", 3);
    private static final boolean EVERY_MOMENT = KILLS > 5;
    /** Five moments, or two, are named below; the other kills fall between rows. */
    private static final int KILLS_BETWEEN_ROWS = KILLS - (EVERY_MOMENT ? 5 : 2);

    private final SplittableRandom random = new SplittableRandom(20261122);
    private final Set<JournalView.Key> finished = new HashSet<>();
    private final Set<String> knownFiles = new HashSet<>();

    @TempDir
    Path folder;

    private Path model;
    private Path home;
    private Path output;
    private JournalView journal;

    @BeforeEach
    void makeModel() throws IOException {
        model = TinyModel.in(folder.resolve("model"));
    }

    @Test
    @Timeout(900)
    void everyIdOnceAndNoFinishedRowTwice() throws Exception {
        for (int trial = 1; !isKilledAtItsMoments(trial); trial++) {
            assertThat(trial).as("jobs that got past a moment").isLessThan(TRIALS);
        }
        assertThat(finished).as("in the journal").hasSize(ROWS);
        assertThat(complete()).startsWith(ROWS + " rows, 0 errors in ").contains("(" + ROWS + " from earlier runs)");
        assertThat(Results.ids(output)).hasSize(ROWS).doesNotHaveDuplicates();
    }

    /** Returns whether a new job was killed at every moment; on a machine that stalls, a kill may come too late. */
    private boolean isKilledAtItsMoments(int trial) throws Exception {
        home = Files.createDirectory(folder.resolve("trial-" + trial));
        output = home.resolve("out");
        journal = new JournalView(output);
        finished.clear();
        knownFiles.clear();
        Path inner = output.resolve("_nighttrain");

        boolean met = true;
        if (EVERY_MOMENT) {
            met = killWhen("the JVM starts", () -> true) && killWhen("Spark starts", () -> exists(home, "blockmgr-"));
        }
        met = met && killWhen("the job has a folder", () -> Files.exists(inner.resolve("job.json")));
        for (int kill = 0; met && kill < KILLS_BETWEEN_ROWS; kill++) {
            long rows = finished.size() + random.nextLong(1, MOST_ROWS_BETWEEN_KILLS);
            met = killWhen(rows + " rows are finished", () -> journal.rows() >= rows) && finished.size() < ROWS;
        }
        if (EVERY_MOMENT) {
            met = met && killWhen("all rows are finished", () -> journal.rows() == ROWS);
        }
        return met && killWhen("results are being written", () -> exists(inner, "tmp-"));
    }

    /**
     * Runs the command until {@code moment} and a random time longer, kills it, and records the rows that it computed.
     *
     * @return false if the job was complete before the kill
     */
    private boolean killWhen(String moment, Callable<Boolean> reached) throws Exception {
        try (CommandProcess process = start()) {
            process.awaitWhileAlive(moment, PATIENCE, () -> isComplete() || reached.call());
            Thread.sleep(random.nextInt(100));
            assertThat(process.isAlive() || isComplete())
                    .as("still running when %s", moment)
                    .isTrue();
            process.kill();
        }
        if (isComplete()) {
            return false;
        }
        List<JournalView.Key> computed = new ArrayList<>();
        journal.rowsByFile().forEach((file, keys) -> {
            if (knownFiles.add(file)) {
                computed.addAll(keys);
            }
        });
        assertThat(computed).as("computed until %s", moment).doesNotHaveDuplicates();
        assertThat(computed).as("computed again until %s", moment).noneMatch(finished::contains);
        finished.addAll(computed);
        return true;
    }

    private boolean isComplete() {
        return Files.exists(output.resolve("summary.json"));
    }

    private String complete() throws Exception {
        try (CommandProcess process = start()) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            return process.out();
        }
    }

    private CommandProcess start() throws IOException {
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of("--limit", String.valueOf(ROWS), "--id-column", "id", "--max-tokens", "16"));
        options.addAll(List.of("--max-num-seqs", "4")); // few rows at a time, so that moments differ
        return CommandProcess.nighttrain(
                home,
                TinyModel.environment(home),
                Demo.command(model, Project.DEMO_PROMPTS, output, options.toArray(String[]::new)));
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
