package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.junit.jupiter.api.Test;

/** A run that ends in time, and the night after. */
class DeadlineTest extends JobTest {
    private static final int ROWS = 300;
    private static final Duration WINDOW = Duration.ofSeconds(6);

    @Test
    void whatIsLeftGoesOnInTheNextWindow() {
        input(2, prompts(ROWS));
        script().answerMs.set(100);
        values = values.with(Settings.DEADLINE, Settings.DEADLINE.parse("6s"));
        Instant start = Instant.now();
        GenerateReport first = run();
        assertThat(Duration.between(start, Instant.now())).isBetween(WINDOW.dividedBy(2), WINDOW.multipliedBy(3));
        assertThat(first.rowsLeft()).isBetween(1L, ROWS - 2L);
        assertThat(first.rows()).isEqualTo(script().computations()).isEqualTo(ROWS - first.rowsLeft());
        assertThat(script().cancelled).as("rows that were begun too late").hasValue(0);
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
