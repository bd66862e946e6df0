package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Set;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.hadoop.fs.FileStatus;
import org.junit.jupiter.api.Test;

/** Checks that finished work is never lost and never done again. */
class ResumeTest extends JobTest {
    private static final int ROWS = 60;
    /** More failures than the attempts that Spark allows a task. */
    private static final int ALWAYS = 100;

    @Test
    void aRetriedTaskSkipsWhatItsFirstAttemptFinished() {
        input(1, prompts(ROWS));
        script().answersBeforeFailure.set(20);
        GenerateReport report = run();
        assertThat(report.rows()).isEqualTo(ROWS);
        assertThat(script().opened).hasValue(2);
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(prompts(ROWS));
        assertThat(results()).extracting(row -> row.<Integer>getAs("attempts")).contains(1, 2);
        assertThat(script().openSessions).hasValue(0);
    }

    @Test
    void anotherRunSkipsWhatAFailedRunFinished() {
        input(2, prompts(ROWS));
        script().answersBeforeFailure.set(25);
        script().failures.set(ALWAYS);
        assertThatThrownBy(this::run).hasStackTraceContaining("the engine was told to fail");
        assertThat(output().resolve("summary.json")).doesNotExist();
        assertThat(output().resolve("results")).doesNotExist();
        Set<Long> finished = journaled();
        assertThat(finished).hasSize(25);

        script().failures.set(0);
        GenerateReport report = run();
        assertThat(report.rowsFromEarlierRuns()).isEqualTo(finished.size());
        assertThat(script().computed).hasSize(ROWS);
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(prompts(ROWS));
    }

    @Test
    void aCancelledRunKeepsWhatItFinished() throws InterruptedException {
        input(1, prompts(ROWS));
        script().answerMs.set(50);
        runAndCancelAfter(10);
        assertThat(script().cancelled.get()).isPositive();

        script().answerMs.set(0);
        GenerateReport report = run();
        assertThat(report.rowsFromEarlierRuns()).isGreaterThanOrEqualTo(8);
        assertThat(script().computations()).isEqualTo(ROWS);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(prompts(ROWS));
    }

    @Test
    void missingSamplesOfARowAreComputedAlone() {
        input(1, prompts(10));
        values = values.with(Settings.SAMPLES, 3).with(Settings.TEMPERATURE, 1.0);
        script().answersBeforeFailure.set(8);
        script().failures.set(ALWAYS);
        assertThatThrownBy(this::run).hasStackTraceContaining("the engine was told to fail");
        script().failures.set(0);
        run();
        assertThat(results()).hasSize(30);
        assertThat(script().computations()).isEqualTo(30);
    }

    @Test
    void aCommitThatWasInterruptedIsDoneAgain() throws java.io.IOException {
        input(1, prompts(5));
        script().answersBeforeFailure.set(3);
        script().failures.set(ALWAYS);
        assertThatThrownBy(this::run).hasStackTraceContaining("the engine was told to fail");
        // A commit that is killed between its results and its summary leaves this behind.
        java.nio.file.Files.createDirectories(output().resolve("results"));
        java.nio.file.Files.writeString(output().resolve("results/part-0.parquet"), "half a file");
        script().failures.set(0);
        assertThat(run().rows()).isEqualTo(5);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(prompts(5));
    }

    private Set<Long> journaled() {
        Journal journal = journal();
        Set<Long> rows = new HashSet<>();
        for (FileStatus file : journal.resultFiles()) {
            try (JournalReader<ResultRow> reader = Journal.read(journal.fs(), file.getPath())) {
                // There are two input files: file and row number together identify a row.
                reader.forEachRemaining(
                        row -> rows.add(row.row() * 10 + (row.file().contains("00000") ? 0 : 1)));
            }
        }
        return rows;
    }
}
