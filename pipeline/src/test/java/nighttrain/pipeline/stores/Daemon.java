package nighttrain.pipeline.stores;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** A real server in a JVM of its own. */
final class Daemon implements AutoCloseable {
    /** A limit for hangs only: a namenode takes 8 s of a processor, beside three others and a build. */
    private static final long START_S = 300;

    private final Process process;
    private final Path log;

    private Daemon(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    /** Starts {@code main} with {@code classPath}; its output goes to {@code log}. */
    static Daemon start(Path log, String classPath, String main, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classPath,
                main));
        command.addAll(Arrays.asList(arguments));
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            return new Daemon(process, log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the path of a server's jar that the build fetched. */
    static String jar(String name) {
        Path jar = Path.of("target", "stores", name).toAbsolutePath();
        if (!Files.exists(jar)) {
            throw new IllegalStateException("no server: " + jar + " (run with -Pstores)");
        }
        return jar.toString();
    }

    static String testClassPath() {
        return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    }

    static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits until {@code ready} returns true; an exception counts as not ready. */
    void await(Callable<Boolean> ready) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_S);
        Exception last = null;
        while (System.nanoTime() < end && process.isAlive()) {
            try {
                if (ready.call()) {
                    return;
                }
                Thread.sleep(200);
            } catch (Exception notYet) {
                last = notYet;
            }
        }
        throw new IllegalStateException("server did not start: " + said(), last);
    }

    /** Waits for its end; fails if its exit code is not 0. */
    void awaitEnd() {
        try {
            if (!process.waitFor(START_S, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IllegalStateException("server did not end well: " + said());
            }
        } catch (InterruptedException timedOut) {
            Thread.currentThread().interrupt();
        }
    }

    private String said() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** Kills it as {@code kill -9} does. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor(START_S, TimeUnit.SECONDS);
        } catch (InterruptedException timedOut) {
            Thread.currentThread().interrupt();
        }
    }
}
