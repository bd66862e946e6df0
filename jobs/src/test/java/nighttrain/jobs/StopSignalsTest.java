package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.ProgressBar;
import nighttrain.jobs.cli.StopSignals;
import nighttrain.jobs.cli.Terminal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests stop signals in a process of its own, without a job and without Spark. */
class StopSignalsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String STOPPING = "Stopping. Finished rows are kept: the same command goes on from here.\n";

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"TERM", "HUP"}) // background processes of a script ignore INT
    void endWithTheSameLine(String signal) throws Exception {
        // This process may ignore SIGHUP, which a child inherits.
        try (CommandProcess process = start(List.of("env", "--default-signal=HUP"))) {
            process.signal(signal);

            assertThat(process.await(PATIENCE)).isEqualTo(ExitCode.STOPPED.code());
            assertThat(process.messages()).isEqualTo(STOPPING);
        }
    }

    @Test
    void nohupHolds() throws Exception {
        try (CommandProcess process = start(List.of("sh", "-c", "trap '' HUP; exec \"$@\"", "sh"))) {
            process.signal("HUP");
            process.signal("HUP");
            Thread.sleep(200);
            assertThat(process.isAlive()).isTrue();
            assertThat(process.messages()).isEmpty();

            process.signal("TERM");
            assertThat(process.await(PATIENCE)).isEqualTo(ExitCode.STOPPED.code());
            assertThat(process.messages()).isEqualTo(STOPPING);
        }
    }

    private CommandProcess start(List<String> before) throws Exception {
        List<String> command = new ArrayList<>(before);
        command.addAll(List.of(
                "java",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Job.class.getName()));
        CommandProcess process = CommandProcess.start(folder, Map.of(), command);
        process.awaitWhileAlive("it has begun", PATIENCE, () -> process.out().equals("begun\n"));
        return process;
    }

    /** Runs until a signal stops it. */
    static final class Job {
        private Job() {}

        public static void main(String[] arguments) throws InterruptedException {
            Terminal terminal = Terminal.system();
            Thread job = Thread.currentThread();
            try (ProgressBar bar = new ProgressBar(terminal);
                    StopSignals signals = new StopSignals(terminal, bar, "rows")) {
                signals.onStop(job::interrupt);
                terminal.out().print("begun\n");
                terminal.out().flush();
                Thread.sleep(PATIENCE.toMillis());
            } catch (InterruptedException stopped) {
                Runtime.getRuntime().halt(ExitCode.STOPPED.code());
            }
        }
    }
}
