package nighttrain.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import nighttrain.pipeline.monitor.ProgressListener.Progress;
import org.junit.jupiter.api.Test;

class ProgressBarTest {
    private static final Progress HALF = new Progress(250, 500, 2, 9_000, 1_204.4, Optional.of(Duration.ofSeconds(42)));

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();

    @Test
    void aTerminalShowsOneLineThatIsRedrawnAndClearedAtTheEnd() {
        try (ProgressBar bar = new ProgressBar(terminal(120))) {
            bar.phase("Starting Spark");
            bar.at(HALF);
        }

        String clear = "\r\u001b[K";
        assertThat(text())
                .isEqualTo(clear + "Starting Spark ..." + clear + "\u2588".repeat(12) + "\u2591".repeat(12)
                        + "   50 %  250 of 500 rows  2 errors  1,204 tokens/s  0:42 left" + clear);
    }

    @Test
    void aNarrowTerminalIsNeverWrapped() {
        try (ProgressBar bar = new ProgressBar(terminal(30))) {
            bar.at(HALF);
        }

        assertThat(text().split("\u001b\\[K", -1)[1]).hasSize(29 + "\r".length());
    }

    @Test
    void aLogIsSparedTheFirstTenSeconds() {
        try (ProgressBar bar = new ProgressBar(terminal(0))) {
            bar.phase("Starting Spark");
            bar.at(HALF);
        }

        assertThat(text()).isEmpty();
    }

    @Test
    void theFirstFewRowsSayNothingOfTheTimeLeft() {
        Optional<Duration> threeHours = Optional.of(Duration.ofHours(3));

        assertThat(ProgressBar.line(new Progress(24, 500, 0, 100, 0.5, threeHours)))
                .isEqualTo("  4 %  24 of 500 rows  0.500 tokens/s");
        assertThat(ProgressBar.line(new Progress(25, 500, 0, 100, 0.5, threeHours)))
                .endsWith("  3:00:00 left");
    }

    @Test
    void theEndIsNotYetTheEnd() {
        assertThat(ProgressBar.line(new Progress(500, 500, 1, 100, 9, Optional.of(Duration.ZERO))))
                .isEqualTo("100 %  500 of 500 rows  1 error  writing results");
    }

    @Test
    void whatIsUnknownIsLeftOut() {
        assertThat(ProgressBar.line(new Progress(0, 500, 0, 0, 0, Optional.empty())))
                .isEqualTo("  0 %  0 of 500 rows");
    }

    private Terminal terminal(int columns) {
        PrintStream messages = new PrintStream(written, true, StandardCharsets.UTF_8);
        return new Terminal(messages, messages, columns);
    }

    private String text() {
        return written.toString(StandardCharsets.UTF_8);
    }
}
