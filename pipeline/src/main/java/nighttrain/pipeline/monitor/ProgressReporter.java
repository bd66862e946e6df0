package nighttrain.pipeline.monitor;

import nighttrain.pipeline.progress.RunStarted;
import nighttrain.pipeline.progress.Heartbeat;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.Heartbeat.Load;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;

/** Tells a {@link ProgressListener} how a run goes, from executors' heartbeats, or from ended tasks where there are none. */
public final class ProgressReporter implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofMillis(500);

    private final SparkContext spark;
    private final ProgressListener listener;
    private final Goal goal;
    private final Supplier<Done> endedTasks;
    private final Map<String, Heartbeat> executors = new ConcurrentHashMap<>();
    private final RecentRate pace = new RecentRate();
    private final SparkListener ears = new Ears();
    private final PeriodicTask ticker;
    private final long startNanos = System.nanoTime();

    /**
     * What a run has before it.
     *
     * @param runId the run
     * @param output where its results will be
     * @param outputs to finish in all
     * @param outputsBefore of these, finished by earlier runs
     * @param errorsBefore of these, failed
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
        this.ticker = PeriodicTask.every(INTERVAL, "night-train-progress", this::tell);
    }

    /** Begins to tell; {@code endedTasks} is what Spark knows of this run. */
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

    private synchronized void tell() {
        listener.at(now(total()));
    }

    /** The further of the two: heartbeats are lost with their executor's last half second. */
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
                pace.at(nanos, total.outputTokens()),
                eta(total.rows(), nanos));
    }

    /** At the pace since the start: rows of a batch end together, so that lately says little. */
    private Optional<Duration> eta(long rows, long nanos) {
        if (rows == 0) {
            return Optional.empty();
        }
        long left = Math.max(0, goal.outputs() - goal.outputsBefore() - rows);
        return Optional.of(Duration.ofNanos((long) ((double) (nanos - startNanos) / rows * left)));
    }

    /** Tells a last time; what the run came to goes into Spark's event log. */
    @Override
    public void close() {
        ticker.close();
        spark.removeSparkListener(ears);
        tell();
        spark.listenerBus()
                .post(new Heartbeat(goal.runId(), Heartbeat.ALL, System.currentTimeMillis(), total(), Load.NONE, true));
    }
}
