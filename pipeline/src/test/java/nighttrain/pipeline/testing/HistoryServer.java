package nighttrain.pipeline.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs Spark's history server as a process over a directory of event logs. */
public final class HistoryServer implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(60);

    private final Process process;
    private final String address;

    private HistoryServer(Process process, int port) {
        this.process = process;
        this.address = "http://127.0.0.1:" + port;
    }

    /** Starts a server and does not wait for it. */
    public static HistoryServer start(Path events) throws IOException {
        int port = freePort();
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("--add-") || flag.startsWith("-XX:"))
                .forEach(command::add);
        command.addAll(List.of(
                "-Xmx512m",
                "-Dspark.history.fs.logDirectory=" + events.toUri(),
                "-Dspark.history.fs.update.interval=1s",
                "-Dspark.history.ui.port=" + port,
                "-Dspark.port.maxRetries=0", // else it silently takes the next port
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                "org.apache.spark.deploy.history.HistoryServer"));
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(events.resolve("_history-server.log").toFile())
                .start();
        return new HistoryServer(process, port);
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    /** Waits until the server shows an application, then returns the address of one of its pages. */
    public String page(String application, String page) throws InterruptedException {
        long deadline = System.nanoTime() + START.toNanos();
        while (!shows(application)) {
            assertThat(process.isAlive()).as("the history server runs").isTrue();
            assertThat(System.nanoTime())
                    .as("the history server shows " + application)
                    .isLessThan(deadline);
            Thread.sleep(200);
        }
        return address + "/history/" + application + "/" + page;
    }

    private boolean shows(String application) throws InterruptedException {
        try {
            HttpRequest request = HttpRequest.newBuilder(URI.create(address + "/api/v1/applications/" + application))
                    .timeout(Duration.ofSeconds(10))
                    .build();
            return HttpClient.newHttpClient()
                            .send(request, HttpResponse.BodyHandlers.ofString())
                            .statusCode()
                    == 200;
        } catch (IOException notYet) {
            return false;
        }
    }

    @Override
    public void close() throws InterruptedException {
        process.destroy();
        if (!process.waitFor(10, TimeUnit.SECONDS)) {
            process.destroyForcibly();
        }
    }
}
