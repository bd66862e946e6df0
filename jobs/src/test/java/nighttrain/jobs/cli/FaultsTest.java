package nighttrain.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;

class FaultsTest {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();

    @Test
    void whatTheUserCanMendIsOneLineHoweverDeepItLies() {
        UserError mine = UserError.of("bad prompt", "a\n  b", "one line; mend it");

        ExitCode exitCode = report(new IllegalStateException(new RuntimeException("task failed", mine)));

        assertThat(exitCode).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(text()).isEqualTo("bad prompt: a b (one line; mend it)\n");
    }

    @Test
    void anythingElseIsOneLineAndWhereTheStackTraceIs() {
        ExitCode exitCode = report(new RuntimeException("job failed", new java.io.IOException("disk full\n\tat x")));

        assertThat(exitCode).isEqualTo(ExitCode.FAILED);
        assertThat(text()).isEqualTo("failed: java.io.IOException: disk full (stack trace in the driver's log)\n");
    }

    private ExitCode report(Throwable fault) {
        PrintStream messages = new PrintStream(written, true, StandardCharsets.UTF_8);
        return Faults.report(fault, new Terminal(messages, messages, 0));
    }

    private String text() {
        return written.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
    }
}
