package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A command in a process of its own, which is killed when the test ends, whether it passed or failed. */
final class CommandProcess implements AutoCloseable {
    private final Process process;
    private final Path out;
    private final Path messages;

    private CommandProcess(Process process, Path out, Path messages) {
        this.process = process;
        this.out = out;
        this.messages = messages;
    }

    /** @param folder for the files of the process's output */
    static CommandProcess start(Path folder, Map<String, String> environment, List<String> command) throws IOException {
        Path out = Files.createTempFile(folder, "out", ".txt");
        Path messages = Files.createTempFile(folder, "messages", ".txt");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectOutput(out.toFile())
                .redirectError(messages.toFile());
        builder.environment().putAll(environment);
        return new CommandProcess(builder.start(), out, messages);
    }

    /** Starts {@code jobs/nighttrain arguments}. The process is the JVM itself, since the launcher ends with {@code exec}. */
    static CommandProcess nighttrain(Path folder, Map<String, String> environment, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>(List.of(Project.LAUNCHER.toString()));
        command.addAll(List.of(arguments));
        return start(folder, environment, command);
    }

    /** Waits until {@code reached} returns true; fails if the process ends before that. */
    void awaitWhileAlive(String moment, Duration atMost, Callable<Boolean> reached) throws Exception {
        long deadlineNanos = System.nanoTime() + atMost.toNanos();
        for (boolean alive = isAlive(); !reached.call(); alive = isAlive()) { // reached at its end counts
            assertThat(alive)
                    .as("alive until %s; it said: %s%s", moment, out(), messages())
                    .isTrue();
            assertThat(System.nanoTime()).as("in time until %s", moment).isLessThan(deadlineNanos);
            Thread.sleep(50);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Returns the running processes that it started. */
    Stream<ProcessHandle> children() {
        return process.children();
    }

    /** Returns its children and all their descendants. */
    Stream<ProcessHandle> descendants() {
        return process.descendants();
    }

    /** Kills it with {@code kill -9}. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        assertThat(process.waitFor(60, TimeUnit.SECONDS))
                .as("dead after kill -9")
                .isTrue();
    }

    /** Sends a signal; Ctrl-C sends {@code INT}. */
    void signal(String name) throws IOException, InterruptedException {
        signal(name, process.toHandle());
    }

    static void signal(String name, ProcessHandle process) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start();
        assertThat(kill.waitFor(60, TimeUnit.SECONDS)).as("sent %s", name).isTrue();
    }

    /** Waits for its end and returns its exit code. */
    int await(Duration atMost) throws InterruptedException, IOException {
        boolean ended = process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS);
        assertThat(ended)
                .as("ended within %s; it said: %s%s", atMost, out(), messages())
                .isTrue();
        return process.exitValue();
    }

    String out() throws IOException {
        return Files.readString(out);
    }

    String messages() throws IOException {
        return Files.readString(messages);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
