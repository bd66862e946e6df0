package nighttrain.jobs;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A worker of a {@link StandaloneCluster}.
 *
 * @param process its JVM, the parent of its executors' JVMs
 * @param home folder of its executors' logs
 */
record ClusterWorker(CommandProcess process, Path home) implements AutoCloseable {
    /** Returns its executors. A worker that a script started also has an exited shell as a child, which has no command. */
    Stream<ProcessHandle> executors() {
        return process.children().filter(child -> child.info().command().isPresent());
    }

    /** Kills the worker and its executors with {@code kill -9}, as when a node is lost. */
    void lose() throws IOException, InterruptedException {
        process.signal("STOP"); // or it might start replacements
        executors().forEach(ProcessHandle::destroyForcibly);
        process.kill();
    }

    /** Returns whether an executor has a file of rows in flight open (AttemptLog). */
    static boolean hasRowsInFlight(ProcessHandle executor) {
        try (Stream<Path> open = Files.list(Path.of("/proc", String.valueOf(executor.pid()), "fd"))) {
            return open.map(Path::toFile).anyMatch(file -> target(file).contains("/tries-"));
        } catch (IOException | UncheckedIOException ended) {
            return false;
        }
    }

    private static String target(File link) {
        try {
            return link.getCanonicalPath();
        } catch (IOException closed) {
            return "";
        }
    }

    /** Returns what an executor's JVM has written to stderr so far. Spark keeps that in the executor's working directory. */
    static String log(ProcessHandle executor) {
        return StandaloneCluster.text(Path.of("/proc", String.valueOf(executor.pid()), "cwd/stderr"));
    }

    /** Returns what the JVMs of an application's executors wrote to stderr on this worker, by executor. */
    Map<String, String> logs(String application) throws IOException {
        Map<String, String> logs = new TreeMap<>();
        Path executors = home.resolve(application);
        if (Files.exists(executors)) {
            try (Stream<Path> dirs = Files.list(executors)) {
                for (Path dir : dirs.toList()) {
                    logs.put(dir.getFileName().toString(), StandaloneCluster.text(dir.resolve("stderr")));
                }
            }
        }
        return logs;
    }

    @Override
    public void close() {
        executors().forEach(ProcessHandle::destroyForcibly);
        process.close();
    }
}
