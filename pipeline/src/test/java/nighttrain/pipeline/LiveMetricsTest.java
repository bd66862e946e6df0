package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.pipeline.monitor.ProgressListener.Progress;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.testing.HistoryServer;
import nighttrain.pipeline.testing.JobTest;
import nighttrain.pipeline.testing.TestSpark;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests what a run shows in Spark's UI, Prometheus and event log while it runs, and what the log shows afterwards. */
class LiveMetricsTest extends JobTest {
    private static final int ROWS = 60;
    private static final Duration SECONDS = Duration.ofSeconds(20);
    private static final HttpClient HTTP =
            HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();

    @TempDir
    private static Path events;

    @BeforeAll
    static void startSparkWithUi() {
        TestSpark.session().stop();
        TestSpark.builder()
                .config("spark.ui.enabled", "true")
                .config("spark.ui.port", "0")
                .config("spark.eventLog.enabled", "true")
                .config("spark.eventLog.compress", "false")
                .config("spark.eventLog.dir", events.toUri().toString())
                .config("spark.metrics.namespace", "nighttrain")
                .config(
                        "spark.metrics.conf.driver.sink.prometheusServlet.class",
                        "org.apache.spark.metrics.sink.PrometheusServlet")
                .config("spark.metrics.conf.driver.sink.prometheusServlet.path", "/metrics/prometheus")
                .getOrCreate();
    }

    @AfterAll
    static void stopIt() {
        TestSpark.session().stop();
    }

    @Test
    void aRunIsSeenLiveByPrometheusAndInTheHistoryServer() throws Exception {
        input(2, prompts(ROWS));
        List<String> live = new CopyOnWriteArrayList<>();
        script().onAnswer(ROWS / 2, () -> await("the page tells of rows while tasks run", () -> tellsOfRows(live)));
        new GenerateJob(engines).run(spark, GenerateOptions.of(values), progress -> look(progress, live));
        long tokens = results().stream()
                .mapToLong(row -> row.<Integer>getAs("output_tokens"))
                .sum();

        assertThat(tellsOfRows(live)).isTrue();
        await("all rows are counted", () -> metric("all_rows_total") == ROWS);
        assertThat(metric("executor_driver_output_tokens_total")).isEqualTo(tokens);
        assertThat(metric("all_output_tokens_total")).isEqualTo(tokens);
        assertThat(metric("all_errors_total")).isZero();

        await("the page tells of all rows, and of the end", () -> {
            String page = get(page());
            return page.contains(">" + ROWS + "</td>") && page.contains("ended after");
        });
        String ended = get(page());
        assertThat(figures(ended)).contains("60 of 60 rows (100 %), 0 errors", "<td>" + tokens + "</td>");
        await("the log tells of all rows", () -> logged().contains("\"rows\":" + ROWS));
        String app = spark.sparkContext().applicationId();
        spark.stop();
        try (HistoryServer history = HistoryServer.start(events)) {
            String old = get(history.page(app, "nighttrain/"));
            assertThat(figures(old)).isEqualTo(figures(ended));
        }
    }

    private static boolean tellsOfRows(List<String> pages) {
        return pages.stream().anyMatch(page -> page.contains(" of " + ROWS + " rows"));
    }

    /** Records the page's figures while tasks run, if they changed. */
    private void look(Progress progress, List<String> pages) {
        if (progress.rowsDone() > 0 && progress.rowsDone() < ROWS) {
            String figures = figures(get(page()));
            if (!pages.contains(figures)) {
                pages.add(figures);
            }
        }
    }

    private String page() {
        return spark.sparkContext().uiWebUrl().get() + "/nighttrain/";
    }

    /** Returns the text from the number of rows to the totals, which the live page and the history server's page share. */
    private static String figures(String page) {
        Matcher found = Pattern.compile("<p>([^<]* rows [^<]*)</p>.*(<tfoot>.*</tfoot>)", Pattern.DOTALL)
                .matcher(page);
        return found.find() ? found.group(1) + found.group(2) : page;
    }

    private double metric(String name) {
        String all = get(spark.sparkContext().uiWebUrl().get() + "/metrics/prometheus/");
        Matcher found = Pattern.compile("metrics_nighttrain_driver_plugin_nighttrain_pipeline_engine_NightTrainPlugin_"
                        + name + "_Number\\{[^}]*} (\\S+)")
                .matcher(all);
        return found.find() ? Double.parseDouble(found.group(1)) : Double.NaN;
    }

    private static String logged() {
        try (var files = Files.walk(events)) {
            StringBuilder all = new StringBuilder();
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                all.append(Files.readString(file, java.nio.charset.StandardCharsets.ISO_8859_1));
            }
            return all.toString();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String get(String address) {
        try {
            HttpRequest request =
                    HttpRequest.newBuilder(URI.create(address)).timeout(SECONDS).build();
            return HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException("cannot get " + address, e);
        }
    }
}
