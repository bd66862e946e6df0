package nighttrain.pipeline.testing;

import org.apache.spark.sql.SparkSession;

/** One small Spark for all tests of a JVM: starting one takes seconds. Failed tasks are tried again, as on a cluster. */
public final class TestSpark {
    private TestSpark() {}

    public static SparkSession session() {
        return SparkSession.builder()
                .master("local[2,3]")
                .appName("night-train-tests")
                .config("spark.ui.enabled", "false")
                .config("spark.sql.shuffle.partitions", "3")
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.plugins", "nighttrain.pipeline.engine.NightTrainPlugin")
                .getOrCreate();
    }
}
