package nighttrain.pipeline.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.spark.sql.SparkSession;

/** Starts Spark for benchmarks in a process of their own. With a {@code local-cluster} master, executors are processes too. */
final class LocalCluster {
    /** Heap of an executor, which the master's URL repeats. */
    static final int EXECUTOR_MIB = 512;

    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private LocalCluster() {}

    /** Returns the SPARK_HOME that executor processes require; it may be empty. */
    static Path home(Path dir) throws IOException {
        return Files.createDirectories(dir.resolve("spark-home/jars")).getParent();
    }

    /** Waits for all executors: a late one would find its share of a short run done. */
    static void awaitExecutors(SparkSession spark, int executors) throws InterruptedException {
        long endNanos = System.nanoTime() + PATIENCE.toNanos();
        // Spark's list includes the driver.
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
