package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.junit.jupiter.api.Test;

/** A run stops before its deadline, and the next run continues it. */
class DeadlineTest extends JobTest {
    private static final int ROWS = 300;

    @Test
    void whatIsLeftGoesOnInTheNextWindow() {
        input(2, prompts(ROWS));
        values = values.with(Settings.OUTPUT_PATH, dir.resolve("before").toString());
        run(); // else loading classes would use up the window
        script().computed.clear();
        script().answerMs.set(100);
        values = values.with(Settings.OUTPUT_PATH, output().toString())
                .with(Settings.DEADLINE, Settings.DEADLINE.parse("6s"));
        GenerateReport first = run();
        assertThat(first.rowsLeft()).as("of 15 s").isBetween(1L, ROWS - 2L);
        assertThat(first.rows()).isEqualTo(script().computations()).isEqualTo(ROWS - first.rowsLeft());
        assertThat(output().resolve("summary.json")).doesNotExist();

        script().answerMs.set(0);
        values = values.with(Settings.DEADLINE, Settings.DEADLINE.parse("1h"));
        GenerateReport second = run();
        assertThat(second.rowsLeft()).isZero();
        assertThat(second.rowsFromEarlierRuns()).isEqualTo(first.rows());
        assertThat(script().computations()).isEqualTo(ROWS);
        assertThat(results()).hasSize(ROWS);
    }
}
