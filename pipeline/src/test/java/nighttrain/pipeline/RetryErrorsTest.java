package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.TableMode;
import nighttrain.pipeline.testing.JobTest;
import org.junit.jupiter.api.Test;

/** Tests {@code --retry-errors}: failed rows are computed again, others are not. */
class RetryErrorsTest extends JobTest {
    private static final int ROWS = 20;
    /** More failures than the attempts that Spark allows a task. */
    private static final int ALWAYS = 100;

    @Test
    void failedRowsOfAFinishedJobAreTriedAgain() {
        script().poison.add("prompt 3");
        script().refused.add("prompt 7");
        finishWithTwoErrors();
        assertThat(journal().resultFiles()).isNotEmpty();
        assertThat(run().wasComplete()).isTrue();

        values = values.with(Settings.RETRY_ERRORS, true);
        script().poison.clear();
        GenerateReport report = run();
        assertThat(report.errors()).isEqualTo(1);
        assertThat(report.rowsFromEarlierRuns()).isEqualTo(ROWS - 2);
        assertThat(journal().resultFiles()).as("one of twenty may fail").isEmpty();
        assertThat(script().computed).hasSize(ROWS - 1);
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
        List<String> texts = new ArrayList<>(prompts(ROWS));
        texts.set(7, null);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(texts);
        assertThat(results().get(3).<Integer>getAs("attempts"))
                .as("those before are forgotten")
                .isEqualTo(1);

        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "cannot try failed rows again: 1 (as few as --max-row-errors allows, so the job is finished and its"
                                + " journal deleted; run the rows with an error in " + path("results")
                                + " as another job)");
    }

    /** A later run without {@code --retry-errors} also knows which rows are to be retried. */
    @Test
    void anotherRunGoesOnWhereOneThatTriedAgainFailed() {
        script().refused.addAll(List.of("prompt 3", "prompt 7"));
        finishWithTwoErrors();
        script().refused.clear();
        values = values.with(Settings.RETRY_ERRORS, true);
        script().answersBeforeFailure.set(1);
        script().failures.set(ALWAYS);
        assertThatThrownBy(this::run).hasStackTraceContaining("the engine was told to fail");
        assertThat(output().resolve("summary.json")).doesNotExist();
        assertThat(results()).as("of the job before").hasSize(ROWS);

        values = values.with(Settings.RETRY_ERRORS, false);
        script().failures.set(0);
        GenerateReport report = run();
        assertThat(report.errors()).isZero();
        assertThat(report.rowsFromEarlierRuns()).isEqualTo(ROWS - 1);
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(prompts(ROWS));
    }

    @Test
    void aTableThatHasTheFailedRowsIsNotAddedToAgain() throws IOException {
        script().refused.addAll(List.of("prompt 3", "prompt 7"));
        finishWithTwoErrors();
        Files.writeString(output().resolve("_nighttrain/commit"), "what the job's commit is called");
        values = values.with(Settings.RETRY_ERRORS, true)
                .with(Settings.OUTPUT_TABLE, "answers")
                .with(Settings.TABLE_MODE, TableMode.APPEND);
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "cannot try failed rows again: answers (an earlier run may have appended them there; run the rows with"
                                + " an error as another job)");
        assertThat(output().resolve("summary.json")).exists();
    }

    private void finishWithTwoErrors() {
        input(1, prompts(ROWS));
        GenerateReport report = run();
        assertThat(report.errors()).isEqualTo(2);
        assertThat(report.tooManyErrors()).isTrue();
    }

    private String path(String name) {
        return "file:" + output().resolve(name);
    }
}
