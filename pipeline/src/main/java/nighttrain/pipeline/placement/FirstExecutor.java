package nighttrain.pipeline.placement;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import nighttrain.io.UserError;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaSparkContext;

/** Waits for a job's first executor: what no cluster can give ends in a line, not in a night of waiting. */
public final class FirstExecutor {
    /** How long workers may take to come up before it counts that none is large enough. */
    private static final Duration GRACE = Duration.ofSeconds(10);

    /** A worker that is large enough and busy, or slow, is worth more patience than a cluster of which nothing is known. */
    private static final int LONGER_WHERE_IT_FITS = 6;

    private final SparkContext spark;
    private final ExecutorSize asked;

    private FirstExecutor(SparkContext spark) {
        this.spark = spark;
        this.asked = ExecutorSize.asked(spark.getConf());
    }

    /**
     * Returns when an executor is at work.
     *
     * @throws UserError where none comes within that time
     */
    public static void await(SparkContext spark, Duration atMost) {
        if (!spark.isLocal()) {
            new FirstExecutor(spark).await(atMost);
        }
    }

    private void await(Duration atMost) {
        JavaFutureAction<Void> anyTask = JavaSparkContext.fromSparkContext(spark)
                .parallelize(List.of(0), 1)
                .foreachAsync(nothing -> {});
        try {
            if (!ends(anyTask, GRACE.compareTo(atMost) < 0 ? GRACE : atMost)) {
                Duration patience = refuseTooLarge() ? atMost.multipliedBy(LONGER_WHERE_IT_FITS) : atMost;
                if (!ends(anyTask, patience.minus(GRACE))) {
                    throw late(patience);
                }
            }
        } finally {
            anyTask.cancel(true);
        }
        refuseTooLarge(); // GPUs of a stage to come
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

    /** Whether there is known to be a worker that is large enough, in use by others perhaps. */
    private boolean refuseTooLarge() {
        Optional<List<ExecutorSize>> workers = StandaloneMaster.workers(spark);
        if (workers.isPresent() && workers.get().stream().noneMatch(asked::fitsIn)) {
            throw UserError.of(
                    "no worker can hold an executor",
                    asked,
                    "there are " + list(workers.get()) + "; ask for less by spark.executor.cores, .memory and"
                            + " .resource.gpu.amount, or start such a worker");
        }
        return workers.isPresent();
    }

    private UserError late(Duration waited) {
        return UserError.of(
                "no executor within " + waited.toSeconds() + " s",
                asked,
                "the cluster has none to give, or is slow; wait for other jobs, ask for less, or raise"
                        + " --executor-wait");
    }

    private static String list(List<ExecutorSize> workers) {
        return workers.isEmpty()
                ? "no workers"
                : workers.stream().map(ExecutorSize::toString).distinct().collect(Collectors.joining(" / "));
    }
}
