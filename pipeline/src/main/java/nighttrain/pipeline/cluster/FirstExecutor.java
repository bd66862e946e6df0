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
import nighttrain.pipeline.cluster.ClusterState.ExecutorSize;
import nighttrain.pipeline.cluster.ClusterState.StandaloneMaster;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.resource.ResourceProfile;

/** Waits for the first executor of a job or a stage. A request that the cluster cannot meet ends in an error, not in an endless wait. */
public final class FirstExecutor {
    /** Time for workers to start before the job is refused because none is large enough. */
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
     * Waits until an executor runs.
     *
     * @param says takes a line when the wait is long
     * @throws UserError if none starts within {@code atMost}
     */
    public static void await(SparkContext spark, Duration atMost, Consumer<String> says) {
        if (!spark.isLocal()) {
            new FirstExecutor(spark, UnaryOperator.identity()).await(atMost, says);
        }
    }

    /**
     * Waits until an executor with a stage's own resources runs.
     *
     * @param says takes a line when the wait is long
     * @throws UserError if none starts within {@code atMost}
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
        refuseTooLarge(StandaloneMaster.state(spark)); // checks the GPUs of a later stage too
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

    /**
     * Why no executor has started, as far as the driver knows.
     *
     * @param why the reason, or the command that shows it
     * @param remedy the way out
     */
    record Shortage(String why, String remedy) {
        /** Returns the shortage. {@code told}: the state that a standalone cluster's master reports. */
        static Shortage of(SparkContext spark, Optional<ClusterState> told) {
            return of(spark.master(), spark.applicationId(), told);
        }

        static Shortage of(String master, String application, Optional<ClusterState> told) {
            if (told.isPresent()) {
                return of(told.get());
            }
            if (master.startsWith("k8s")) {
                return new Shortage(
                        "kubectl describe pods -l spark-role=executor,spark-app-selector=" + application
                                + " tells what they wait for",
                        "mend that");
            }
            if (master.equals("yarn")) {
                return new Shortage(
                        "yarn application -status " + application + " tells what it waits for", "wait for that");
            }
            return new Shortage("the cluster has none to give, or is slow", "wait for other jobs");
        }

        private static Shortage of(ClusterState cluster) {
            String have = "there are " + cluster.sizes();
            return cluster.others().isEmpty()
                    ? new Shortage(
                            have + ", and no other application: the workers' logs tell why executors do not start",
                            "mend that")
                    : new Shortage(have + ", in use by " + String.join(", ", cluster.others()), "wait for that");
        }
    }
}
