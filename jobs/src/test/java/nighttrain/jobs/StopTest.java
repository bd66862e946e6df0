package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ctrl-C and SIGTERM, sent to the real command. */
class StopTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"INT", "TERM"})
    void stopsInGoodOrder(String signal) throws Exception {
        Path output = folder.resolve("out");
        JournalView journal = new JournalView(output);
        List<String> command = new ArrayList<>(List.of(Project.LAUNCHER.toString()));
        command.addAll(List.of(Demo.command(
                Project.DEMO_MODEL, Project.DEMO_PROMPTS, output, "--max-num-seqs", "2", "--max-tokens", "100")));

        try (CommandProcess process = CommandProcess.start(folder, Map.of("NIGHTTRAIN_JAVA_OPTS", "-Xmx1g"), command)) {
            long deadlineNanos = System.nanoTime() + PATIENCE.toNanos();
            while (journal.rows() == 0) {
                assertThat(process.isAlive()).as(process.messages()).isTrue();
                assertThat(System.nanoTime()).isLessThan(deadlineNanos);
                Thread.sleep(20);
            }
            process.signal(signal);

            assertThat(process.await(PATIENCE)).isEqualTo(ExitCode.STOPPED.code());
            assertThat(process.messages())
                    .isEqualTo("Stopping. Finished rows are kept: the same command goes on from here.\n");
            assertThat(process.out()).isEmpty();
        }
        assertThat(journal.rows()).isPositive().isLessThan(500);
    }
}
