package nighttrain.jobs;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Terminal;

/** The outcome of a command that ran inside this JVM. */
record Outcome(ExitCode exitCode, String out, List<String> messages) {
    /** Runs {@code nighttrain arguments}; its messages do not go to a terminal. */
    static Outcome of(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream messages = new ByteArrayOutputStream();
        ExitCode exitCode = Main.run(arguments, new Terminal(stream(out), stream(messages), 0));
        return new Outcome(exitCode, out.toString(StandardCharsets.UTF_8), lines(messages));
    }

    private static PrintStream stream(ByteArrayOutputStream bytes) {
        return new PrintStream(bytes, true, StandardCharsets.UTF_8);
    }

    private static List<String> lines(ByteArrayOutputStream bytes) {
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }
}
