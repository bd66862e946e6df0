package nighttrain.jobs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * A worker of a {@link StandaloneCluster}.
 *
 * @param process its JVM, the parent of its executors' JVMs
 * @param home where it keeps what executors say
 */
record ClusterWorker(CommandProcess process, Path home) implements AutoCloseable {
    Stream<ProcessHandle> executors() {
        return process.children();
    }

    /** {@code kill -9} of the worker and its executors, as when a node is lost. */
    void lose() throws InterruptedException {
        executors().forEach(ProcessHandle::destroyForcibly);
        process.kill();
    }

    /** What the JVMs of its executors wrote to stderr, executor by executor. */
    List<String> logs() throws IOException {
        try (Stream<Path> files = Files.walk(home)) {
            List<String> logs = new ArrayList<>();
            for (Path file : files.filter(it -> it.endsWith("stderr")).sorted().toList()) {
                logs.add(Files.readString(file));
            }
            return logs;
        }
    }

    /** The ids of its executors that wrote this to stderr. */
    List<String> executorsThatSaid(String what) throws IOException {
        try (Stream<Path> files = Files.walk(home)) {
            List<String> ids = new ArrayList<>();
            for (Path file : files.filter(it -> it.endsWith("stderr")).sorted().toList()) {
                if (Files.readString(file).contains(what)) {
                    ids.add(file.getParent().getFileName().toString());
                }
            }
            return ids;
        }
    }

    @Override
    public void close() {
        executors().forEach(ProcessHandle::destroyForcibly);
        process.close();
    }
}
