package nighttrain.pipeline.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.spark.sql.SparkSession;

/** Spark for benchmarks in a process of their own; executors are processes too where the master is a {@code local-cluster}. */
final class LocalCluster {
    /** Of heap; the master names the same. */
    static final int EXECUTOR_MIB = 512;

    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private LocalCluster() {}

    /** Spark's home, which such executors ask for; it may be empty. */
    static Path home(Path dir) throws IOException {
        return Files.createDirectories(dir.resolve("spark-home/jars")).getParent();
    }

    /** An executor that comes late would find its share of a short run done. */
    static void awaitExecutors(SparkSession spark, int executors) throws InterruptedException {
        long endNanos = System.nanoTime() + PATIENCE.toNanos();
        // The driver is one of those that Spark lists.
        while (!spark.sparkContext().isLocal()
                && spark.sparkContext().statusTracker().getExecutorInfos().length <= executors) {
            if (System.nanoTime() > endNanos) {
                throw new IllegalStateException("no " + executors + " executors within " + PATIENCE);
            }
            Thread.sleep(100);
        }
    }

    static SparkSession session(String master, Path dir) {
        return SparkSession.builder()
                .master(master)
                .config("spark.ui.enabled", "false")
                .config("spark.local.dir", dir.resolve("spark").toString())
                .config("spark.executor.memory", EXECUTOR_MIB + "m")
                .config("spark.executor.extraClassPath", System.getProperty("java.class.path"))
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .getOrCreate();
    }
}
