package nighttrain.pipeline.monitor;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import nighttrain.pipeline.monitor.ProgressListener.Progress;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.Heartbeat.Load;
import nighttrain.pipeline.progress.RunStarted;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;

/** Reports a run's progress to a {@link ProgressListener}, from executors' heartbeats or, without them, from finished tasks. */
public final class ProgressReporter implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofMillis(500);

    private final SparkContext spark;
    private final ProgressListener listener;
    private final Goal goal;
    private final Supplier<Done> endedTasks;
    private final Map<String, Heartbeat> executors = new ConcurrentHashMap<>();
    private final RecentRate rate = new RecentRate();
    private final SparkListener ears = new Ears();
    private final PeriodicTask ticker;
    private final long startNanos = System.nanoTime();

    /**
     * The work of a run.
     *
     * @param runId the run
     * @param output the output directory
     * @param outputs outputs of the whole job
     * @param outputsBefore outputs that earlier runs finished
     * @param errorsBefore outputs of earlier runs that failed
     */
    public record Goal(String runId, String output, long outputs, long outputsBefore, long errorsBefore) {
        private RunStarted started() {
            return new RunStarted(runId, output, System.currentTimeMillis(), outputs, outputsBefore, errorsBefore);
        }
    }

    private ProgressReporter(SparkContext spark, ProgressListener listener, Goal goal, Supplier<Done> endedTasks) {
        this.spark = spark;
        this.listener = listener;
        this.goal = goal;
        this.endedTasks = endedTasks;
        spark.addSparkListener(ears);
        spark.listenerBus().post(goal.started());
        this.ticker = PeriodicTask.every(INTERVAL, "night-train-progress", this::report);
    }

    /** Starts to report. {@code endedTasks}: the counts of finished tasks. */
    public static ProgressReporter start(
            SparkContext spark, ProgressListener listener, Goal goal, Supplier<Done> endedTasks) {
        return new ProgressReporter(spark, listener, goal, endedTasks);
    }

    private final class Ears extends SparkListener {
        @Override
        public void onOtherEvent(SparkListenerEvent event) {
            if (event instanceof Heartbeat beat && beat.runId().equals(goal.runId())) {
                executors.put(beat.executor(), beat);
            }
        }
    }

    private synchronized void report() {
        listener.at(now(total()));
    }

    /**
     * Returns the greater of the counts of heartbeats and of finished tasks: the heartbeat of an executor's last half second may be lost.
     */
    private Done total() {
        return executors.values().stream()
                .map(Heartbeat::done)
                .reduce(Done.NOTHING, Done::plus)
                .max(endedTasks.get());
    }

    private Progress now(Done total) {
        long nanos = System.nanoTime();
        return new Progress(
                Math.min(goal.outputs(), goal.outputsBefore() + total.rows()),
                goal.outputs(),
                goal.errorsBefore() + total.errors(),
                total.outputTokens(),
                rate.at(nanos, total.outputTokens()),
                eta(total.rows(), nanos));
    }

    /** Estimates the time left at the mean rate since the start: rows of a batch finish together, so the recent rate varies too much. */
    private Optional<Duration> eta(long rows, long nanos) {
        if (rows == 0) {
            return Optional.empty();
        }
        long left = Math.max(0, goal.outputs() - goal.outputsBefore() - rows);
        return Optional.of(Duration.ofNanos((long) ((double) (nanos - startNanos) / rows * left)));
    }

    /** Reports a last time and writes the final counts to Spark's event log. */
    @Override
    public void close() {
        ticker.close();
        spark.removeSparkListener(ears);
        report();
        spark.listenerBus()
                .post(new Heartbeat(goal.runId(), Heartbeat.ALL, System.currentTimeMillis(), total(), Load.NONE, true));
    }

    /** The recent growth of an amount per second. */
    public static final class RecentRate {
        private static final long LATELY_NANOS = Duration.ofSeconds(5).toNanos();
        private static final double NANOS_PER_S = 1e9;

        private final Deque<Sample> lately = new ArrayDeque<>();

        private record Sample(long nanos, long amount) {}

        /** Records an amount, and returns its growth per second over the last five seconds. */
        public synchronized double at(long nanos, long amount) {
            lately.addLast(new Sample(nanos, amount));
            while (lately.size() > 2 && nanos - lately.getFirst().nanos() > LATELY_NANOS) {
                lately.removeFirst();
            }
            Sample first = lately.getFirst();
            double seconds = (nanos - first.nanos()) / NANOS_PER_S;
            return seconds <= 0 ? 0 : Math.max(0, amount - first.amount()) / seconds;
        }
    }
}
