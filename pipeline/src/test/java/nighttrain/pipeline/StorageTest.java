package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.AttemptLog.RowAttempt;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.RunFault.StorageFault;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import nighttrain.pipeline.testing.ScriptedStore;
import org.apache.hadoop.fs.FileStatus;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Runs jobs on file systems that fill up, are slow, or are object stores. */
class StorageTest extends JobTest {
    private static final int ROWS = 60;

    private final ScriptedStore.Script store = ScriptedStore.in(spark);

    @BeforeEach
    void outputInTheStoreAndInputOnAnother() {
        values = values.with(Settings.OUTPUT_PATH, ScriptedStore.uri(output()))
                .with(Settings.INPUT_PATH, "file:" + dir.resolve("input"));
    }

    @Test
    void aFullDiskLosesNothingThatWasFinished() {
        input(2, prompts(ROWS));
        script().answerMs.set(4);
        script().onAnswer(20, () -> {
            await("something is journaled", () -> journaled() > 0);
            store.room.set(500);
        });
        assertThatThrownBy(this::run)
                .isInstanceOf(StorageFault.class)
                .hasMessageMatching(
                        "cannot write the journal: store:" + output() + "/_nighttrain/journal/(results|tries)-\\S+"
                                + " \\(No space left on device; make room there, then run the same command again, which computes"
                                + " only what is not finished\\)");
        assertThat(output().resolve("summary.json")).doesNotExist();
        int finished = journaled();
        assertThat(finished).isBetween(1, ROWS - 1);
        assertThat(triesThatDied()).isEmpty();

        store.room.set(Long.MAX_VALUE);
        assertThat(run().rowsFromEarlierRuns()).isEqualTo(finished);
        assertEveryRowOnce();
    }

    @Test
    void aDiskThatIsFullWhenResultsAreWrittenIsToldToo() {
        input(1, prompts(ROWS));
        store.full = ".*/_nighttrain/tmp-.*/results/.*";
        assertThatThrownBy(this::run)
                .isInstanceOf(StorageFault.class)
                .hasMessage("cannot write: No space left on device (no room in --output, or in Spark's spark.local.dir;"
                        + " make room, then run the same command again, which computes only what is not finished)");
        store.full = null;
        assertThat(run().rowsFromEarlierRuns()).isEqualTo(ROWS);
        assertEveryRowOnce();
        assertThat(script().computations()).isEqualTo(ROWS);
    }

    @Test
    void theEngineDoesNotWaitForASlowDisk() {
        input(1, prompts(ROWS));
        AtomicInteger waitedInVain = new AtomicInteger();
        store.beforeFlush = file -> {
            // Rows in flight are on disk before they are offered. The first flush of answers lasts until all answers
            // are there.
            if (!file.getName().startsWith("results-")) {
                return;
            }
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (script().computations() < ROWS && System.nanoTime() < end) {
                Thread.onSpinWait();
            }
            if (script().computations() < ROWS) {
                waitedInVain.incrementAndGet();
            }
        };
        assertThat(run().rows()).isEqualTo(ROWS);
        assertThat(waitedInVain).hasValue(0);
        assertEveryRowOnce();
    }

    @Test
    void objectsInThePlaceOfFiles() {
        store.objects = true;
        input(2, prompts(ROWS));
        script().answersBeforeFailure.set(25);
        script().failures.set(100);
        assertThatThrownBy(this::run).hasStackTraceContaining("the engine was told to fail");
        int finished = journaled();
        assertThat(finished).isEqualTo(25);
        script().failures.set(0);
        assertThat(run().rowsFromEarlierRuns()).isEqualTo(finished);
        assertEveryRowOnce();
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
    }

    @Test
    void aCommitThatDiesWhileItCopiesIsDoneAgain() {
        store.objects = true;
        store.deadlyCopy = ".*/output/results/part-.*";
        input(2, prompts(ROWS));
        assertThatThrownBy(this::run).hasStackTraceContaining("killed while it copied");
        assertThat(output().resolve("results")).isDirectory();
        assertThat(output().resolve("summary.json")).doesNotExist();
        store.deadlyCopy = null;
        assertThat(run().rowsFromEarlierRuns()).isEqualTo(ROWS);
        assertEveryRowOnce();
        assertThat(script().computations()).isEqualTo(ROWS);
    }

    @Test
    void metricsThatCannotBeCopiedHarmNoRow() {
        store.objects = true;
        store.deadlyCopy = ".*/output/metrics/part-.*";
        input(2, prompts(ROWS));
        assertThat(run().rows()).isEqualTo(ROWS);
        assertThat(output().resolve("summary.json")).isRegularFile();
        assertThat(output().resolve("metrics")).isDirectoryNotContaining("glob:**/part-*");
        assertEveryRowOnce();
    }

    private void assertEveryRowOnce() {
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(prompts(ROWS));
    }

    private List<RowAttempt> triesThatDied() {
        Journal journal = journal();
        return AttemptLog.files(journal, "").stream()
                .flatMap(file -> AttemptLog.read(journal.fs(), file).stream())
                .filter(row -> !row.released())
                .toList();
    }

    private int journaled() {
        Journal journal = journal();
        int rows = 0;
        for (FileStatus file : journal.resultFiles()) {
            try (JournalReader<ResultRow> reader = Journal.read(journal.fs(), file.getPath())) {
                for (; reader.hasNext(); reader.next()) {
                    rows++;
                }
            }
        }
        return rows;
    }
}
