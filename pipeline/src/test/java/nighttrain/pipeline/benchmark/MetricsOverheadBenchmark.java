package nighttrain.pipeline.benchmark;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.monitor.PeriodicTask;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures the CPU time of all monitoring threads as a share of the whole process: sampler, heartbeats, progress, all of Spark's listeners, its UI
 * with a viewer every five seconds, and Prometheus every fifteen, as in the configuration that comes with Prometheus. The demo model answers its 500
 * prompts many times over, since in a short run all of that code runs for the first time.
 */
@Tag("benchmark")
class MetricsOverheadBenchmark {
    private static final int TIMES = Integer.getInteger("overhead.times", 12);
    private static final Path DEMO = Path.of(System.getProperty("nighttrain.root"), "conf", "demo");
    /** Prefixes of the names of our own threads, and of Spark's threads that carry or show our metrics. */
    private static final List<String> WATCHING = List.of(
            "night-train-metrics",
            "night-train-heartbeat",
            "night-train-progress",
            "spark-listener",
            "dispatcher-Plugin",
            "SparkUI");

    @TempDir
    private Path dir;

    @Test
    @Timeout(value = 40, unit = TimeUnit.MINUTES)
    void shareOfCpuTime() {
        TestSpark.session().stop();
        SparkSession spark = TestSpark.builder()
                .config("spark.ui.enabled", "true")
                .config("spark.ui.port", "0")
                .config("spark.eventLog.enabled", "true")
                .config("spark.eventLog.dir", dir.toUri().toString())
                .config(
                        "spark.metrics.conf.driver.sink.prometheusServlet.class",
                        "org.apache.spark.metrics.sink.PrometheusServlet")
                .config("spark.metrics.conf.driver.sink.prometheusServlet.path", "/metrics/prometheus")
                .getOrCreate();
        String ui = spark.sparkContext().uiWebUrl().get();
        spark.read()
                .parquet(DEMO.resolve("prompts.parquet").toString())
                .crossJoin(spark.range(TIMES).toDF("time"))
                .write()
                .parquet(dir.resolve("prompts").toString());
        try (ThreadCpu cpu = new ThreadCpu();
                PeriodicTask scraper = every(15, ui + "/metrics/prometheus/");
                PeriodicTask viewer = every(5, ui + "/nighttrain/")) {
            new GenerateJob().run(spark, options(), ProgressListener.SILENT);
            tell(cpu.seconds(), cpu.processSeconds());
        }
        spark.stop();
    }

    private GenerateOptions options() {
        return GenerateOptions.of(SettingValues.none()
                .with(Settings.MODEL, DEMO.resolve("model").toString())
                .with(Settings.INPUT_PATH, dir.resolve("prompts").toString())
                .with(Settings.OUTPUT_PATH, dir.resolve("out").toString())
                .with(Settings.THREADS, 2));
    }

    private static PeriodicTask every(int seconds, String address) {
        HttpClient http = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(URI.create(address)).build();
        return PeriodicTask.every(Duration.ofSeconds(seconds), "onlooker", () -> {
            try {
                http.send(request, HttpResponse.BodyHandlers.discarding());
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private static void tell(Map<String, Double> seconds, double processSeconds) {
        double watching = 0;
        for (Map.Entry<String, Double> thread : seconds.entrySet()) {
            if (WATCHING.stream().anyMatch(thread.getKey()::startsWith)) {
                watching += thread.getValue();
                System.out.printf("%-40s %.3f s%n", thread.getKey(), thread.getValue());
            }
        }
        System.out.printf(
                "watching %.2f s of %.1f s of CPU time: %.2f %%%n",
                watching, processSeconds, 100 * watching / processSeconds);
    }
}
