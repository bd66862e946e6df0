package nighttrain.pipeline.cluster;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskFailedReason;
import org.apache.spark.TaskKilled;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Counts the executors and tasks that a run lost. */
public final class ExecutorLosses implements AutoCloseable {
    /** Matches the removal reasons of executors that were removed on purpose. */
    private static final Pattern ON_PURPOSE = Pattern.compile("(?i)killed by driver|decommission");

    private static final Duration SETTLE = Duration.ofSeconds(10);
    private static final Logger LOG = LoggerFactory.getLogger(ExecutorLosses.class);

    private final SparkContext spark;
    private final AtomicLong executors = new AtomicLong();
    private final AtomicLong tasks = new AtomicLong();
    private final SparkListener ears = new Ears();

    private ExecutorLosses(SparkContext spark) {
        this.spark = spark;
        spark.addSparkListener(ears);
    }

    /** Starts to count. */
    public static ExecutorLosses watch(SparkContext spark) {
        return new ExecutorLosses(spark);
    }

    /** Waits until all losses so far are counted: Spark reports them with a delay. */
    public void settle() {
        try {
            spark.listenerBus().waitUntilEmpty(SETTLE.toMillis());
        } catch (Exception busy) { // TimeoutException or InterruptedException, which Scala does not declare
            if (busy instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            LOG.warn("Spark did not report all events in time; more may be lost than is counted", busy);
        }
    }

    /** Returns the number of executors that were lost, without those removed on purpose. */
    public long executors() {
        return executors.get();
    }

    /** Returns the number of task attempts that failed, with their executor or by themselves. */
    public long tasks() {
        return tasks.get();
    }

    @Override
    public void close() {
        spark.removeSparkListener(ears);
    }

    private final class Ears extends SparkListener {
        @Override
        public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
            if (!ON_PURPOSE.matcher(removed.reason()).find()) {
                executors.incrementAndGet();
            }
        }

        @Override
        public void onTaskEnd(SparkListenerTaskEnd end) {
            if (end.reason() instanceof TaskFailedReason && !(end.reason() instanceof TaskKilled)) {
                tasks.incrementAndGet();
            }
        }
    }
}
