package nighttrain.pipeline.cluster;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import nighttrain.io.UserError;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceProfile;

/** Waits for a job's first executor, or a stage's: what no cluster can give ends in a line, not in a night of waiting. */
public final class FirstExecutor {
    /** How long workers may take to come up before it counts that none is large enough. */
    private static final Duration GRACE = Duration.ofSeconds(10);

    private final SparkContext spark;
    private final JavaRDD<Integer> anyTask;
    private final ExecutorSize asked;

    private FirstExecutor(SparkContext spark, UnaryOperator<JavaRDD<Integer>> resources) {
        this.spark = spark;
        this.anyTask = resources.apply(JavaSparkContext.fromSparkContext(spark).parallelize(List.of(0), 1));
        this.asked = ExecutorSize.asked(spark.getConf());
    }

    /**
     * Returns when an executor is at work.
     *
     * @param says takes a line where that takes its time
     * @throws UserError where none comes within {@code atMost}
     */
    public static void await(SparkContext spark, Duration atMost, Consumer<String> says) {
        if (!spark.isLocal()) {
            new FirstExecutor(spark, UnaryOperator.identity()).await(atMost, says);
        }
    }

    /**
     * Returns when an executor with a stage's own resources is at work.
     *
     * @param says takes a line where that takes its time
     * @throws UserError where none comes within {@code atMost}
     */
    static void await(SparkContext spark, ResourceProfile ofStage, Duration atMost, Consumer<String> says) {
        new FirstExecutor(spark, task -> task.withResources(ofStage)).await(atMost, says);
    }

    private void await(Duration atMost, Consumer<String> says) {
        Duration half = atMost.dividedBy(2);
        Duration grace = half.compareTo(GRACE) < 0 ? half : GRACE;
        JavaFutureAction<Void> first = anyTask.foreachAsync(nothing -> {});
        try {
            if (!ends(first, grace)) {
                Optional<ClusterState> told = StandaloneMaster.state(spark);
                refuseTooLarge(told);
                says.accept("waiting for an executor: " + asked + " ("
                        + Shortage.of(spark, told).why() + "; gives up after " + atMost.toSeconds() + " s)");
                if (!ends(first, atMost.minus(grace))) {
                    throw late(atMost);
                }
            }
        } finally {
            first.cancel(true);
        }
        refuseTooLarge(StandaloneMaster.state(spark)); // GPUs of a stage to come
    }

    private static boolean ends(JavaFutureAction<Void> task, Duration atMost) {
        try {
            task.get(Math.max(0, atMost.toMillis()), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException notYet) {
            return false;
        } catch (ExecutionException failed) {
            throw new IllegalStateException("the first task failed", failed.getCause());
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("stopped while waiting for an executor", stopped);
        }
    }

    private void refuseTooLarge(Optional<ClusterState> cluster) {
        if (cluster.isPresent() && cluster.get().workers().stream().noneMatch(asked::fitsIn)) {
            throw UserError.of(
                    "no worker can hold an executor",
                    asked,
                    "there are " + cluster.get().sizes() + "; ask for less by spark.executor.cores, .memory and"
                            + " .resource.gpu.amount, or start such a worker");
        }
    }

    private UserError late(Duration waited) {
        Shortage shortage = Shortage.of(spark, StandaloneMaster.state(spark));
        return UserError.of(
                "no executor within " + waited.toSeconds() + " s",
                asked,
                shortage.why() + "; " + shortage.remedy() + ", ask for less, or raise --executor-wait");
    }
}
