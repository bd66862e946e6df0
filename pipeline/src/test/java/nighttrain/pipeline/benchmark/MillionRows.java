package nighttrain.pipeline.benchmark;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.host.CountingEngines;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.TinyJob;
import org.apache.spark.sql.SparkSession;

/** Sends rows through the pipeline with an engine that does nothing. Arguments: scratch directory, rows. */
public final class MillionRows {
    private static final int CONTEXT_TOKENS = 512;
    private static final int OUTPUT_TOKENS = 64;

    private MillionRows() {}

    public static void main(String[] args) throws IOException {
        Path dir = Path.of(args[0]);
        long rows = Long.parseLong(args[1]);
        try (SparkSession spark = SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", "false")
                .config("spark.local.dir", dir.resolve("spark").toString())
                .getOrCreate()) {
            if (!Files.exists(dir.resolve("input"))) {
                spark.range(0, rows, 1, 4)
                        .selectExpr("id", "concat('Row ', id, repeat(' of the night train', 5)) as prompt")
                        .write()
                        .parquet(dir.resolve("input").toString());
            }
            measure(spark, dir, rows);
        }
    }

    private static void measure(SparkSession spark, Path dir, long rows) {
        SettingValues values = TinyJob.in(dir, CONTEXT_TOKENS).with(Settings.MAX_TOKENS, OUTPUT_TOKENS);
        long startNanos = System.nanoTime();
        GenerateReport report =
                new GenerateJob(new CountingEngines()).run(spark, GenerateOptions.of(values), ProgressListener.SILENT);
        double seconds = (System.nanoTime() - startNanos) / 1e9;
        long distinct = spark.read()
                .parquet(report.output() + "/results")
                .select("id")
                .distinct()
                .count();
        if (report.rows() != rows || distinct != rows || report.errors() != 0) {
            throw new IllegalStateException("wrong: " + report + ", distinct ids " + distinct);
        }
        System.out.printf(
                "%d rows in %.1f s, %.0f rows/s; heap at most %d MiB, peak use %d MiB%n",
                rows, seconds, rows / seconds, Runtime.getRuntime().maxMemory() >> 20, peakHeapBytes() >> 20);
    }

    /** Returns the sum of the pools' peaks, which is never less than the heap in use at any time. */
    private static long peakHeapBytes() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .mapToLong(pool -> pool.getPeakUsage().getUsed())
                .sum();
    }
}
