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
 * The one executor of a session that measures: figures of two machines are no comparison, and what another executor does is noise. It
 * has the GPUs, and does one thing at a time.
 */
public final class LoneExecutor {
    private static final String CORES = "spark.executor.cores";

    private final SparkContext spark;

    public LoneExecutor(SparkContext spark) {
        this.spark = spark;
    }

    /**
     * Asks for one executor, whatever the cluster; before Spark starts.
     *
     * @throws UserError where a standalone cluster cannot be asked for one
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

    /** Whether Spark has given up: nothing will be done there any more. */
    public boolean isGone() {
        return spark.isStopped();
    }

    /** What is to be done there, and what comes of it. */
    public interface Errand<T> extends Serializable {
        T call() throws InterruptedException;
    }

    /**
     * Does it there, which is here where Spark is embedded, and waits for it.
     *
     * @throws IllegalStateException where it failed, or its executor ended; the cause says why
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
