package nighttrain.pipeline.cluster;

import java.io.Serializable;
import java.util.List;
import java.util.concurrent.ExecutionException;
import nighttrain.io.UserError;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * The only executor of a session for measurements. Figures of different machines cannot be compared, and other executors would disturb
 * them. It has the GPUs and runs one call at a time.
 */
public final class LoneExecutor {
    private static final String CORES = "spark.executor.cores";

    private final SparkContext spark;

    public LoneExecutor(SparkContext spark) {
        this.spark = spark;
    }

    /**
     * Requests one executor, on any cluster, before Spark starts.
     *
     * @throws UserError if a standalone cluster cannot give just one
     */
    public static void claim(SparkConf conf) {
        conf.set("spark.executor.instances", "1");
        if (conf.getBoolean("spark.dynamicAllocation.enabled", false)) {
            for (String bound : List.of("minExecutors", "initialExecutors", "maxExecutors")) {
                conf.set("spark.dynamicAllocation." + bound, "1");
            }
        } else if (conf.get("spark.master").startsWith("spark://")) {
            if (!conf.contains(CORES)) {
                throw UserError.of(
                        "missing conf " + CORES,
                        conf.get("spark.master"),
                        "without it a standalone cluster gives an executor of every worker, and one is wanted; set it to the"
                                + " cores of a worker");
            }
            conf.set("spark.cores.max", conf.get(CORES));
        }
    }

    /** Whether Spark has stopped. */
    public boolean isGone() {
        return spark.isStopped();
    }

    /** A call that runs on the executor and returns a result. */
    public interface Errand<T> extends Serializable {
        T call() throws InterruptedException;
    }

    /**
     * Runs the call on the executor, or in this process if Spark is embedded, and waits for it.
     *
     * @throws IllegalStateException if the call failed or its executor ended; the cause says why
     */
    public <T> T call(Errand<T> errand) throws InterruptedException {
        if (spark.isLocal()) {
            return errand.call();
        }
        JavaRDD<Integer> anywhere = JavaSparkContext.fromSparkContext(spark).parallelize(List.of(0), 1);
        JavaRDD<Integer> there = StageGpus.of(spark.getConf())
                .map(gpus -> anywhere.withResources(gpus.profile()))
                .orElse(anywhere);
        JavaFutureAction<List<T>> result = there.map(nothing -> errand.call()).collectAsync();
        try {
            return result.get().get(0);
        } catch (ExecutionException failed) {
            throw new IllegalStateException(failed.getCause().getMessage(), failed.getCause());
        } finally {
            result.cancel(true);
        }
    }
}
