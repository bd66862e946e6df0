package nighttrain.pipeline.progress;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import nighttrain.pipeline.tick.Ticker;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;

/** Tells a {@link ProgressListener} how a run goes, from executors' heartbeats, or from ended tasks where there are none. */
public final class ProgressReporter implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofMillis(500);
    private static final Duration LATELY = Duration.ofSeconds(5);
    private static final double NANOS_PER_S = 1e9;

    private final SparkContext spark;
    private final ProgressListener listener;
    private final Goal goal;
    private final Supplier<Heartbeat> endedTasks;
    private final Map<String, Heartbeat> executors = new ConcurrentHashMap<>();
    private final Deque<Sample> lately = new ArrayDeque<>();
    private final SparkListener ears = new Ears();
    private final Ticker ticker;
    private final long startNanos = System.nanoTime();

    /**
     * What a run has before it.
     *
     * @param outputs to finish in all
     * @param outputsBefore of these, finished by earlier runs
     * @param errorsBefore of these, failed
     */
    public record Goal(long outputs, long outputsBefore, long errorsBefore) {}

    private record Sample(long nanos, long outputTokens) {}

    private ProgressReporter(SparkContext spark, ProgressListener listener, Goal goal, Supplier<Heartbeat> endedTasks) {
        this.spark = spark;
        this.listener = listener;
        this.goal = goal;
        this.endedTasks = endedTasks;
        spark.addSparkListener(ears);
        this.ticker = Ticker.every(INTERVAL, "night-train-progress", this::tell);
    }

    /** Begins to tell; {@code endedTasks} is what Spark knows of this run. */
    public static ProgressReporter start(
            SparkContext spark, ProgressListener listener, Goal goal, Supplier<Heartbeat> endedTasks) {
        return new ProgressReporter(spark, listener, goal, endedTasks);
    }

    private final class Ears extends SparkListener {
        @Override
        public void onOtherEvent(SparkListenerEvent event) {
            if (event instanceof Heartbeat beat
                    && beat.runId().equals(endedTasks.get().runId())) {
                executors.put(beat.executor(), beat);
            }
        }
    }

    private synchronized void tell() {
        listener.at(now(total()));
    }

    /** The further of the two: heartbeats are lost with their executor's last half second. */
    private Heartbeat total() {
        Heartbeat ended = endedTasks.get();
        long rows = 0;
        long errors = 0;
        long tokens = 0;
        for (Heartbeat beat : executors.values()) {
            rows += beat.rows();
            errors += beat.errors();
            tokens += beat.outputTokens();
        }
        return new Heartbeat(
                ended.runId(),
                ended.executor(),
                Math.max(rows, ended.rows()),
                Math.max(errors, ended.errors()),
                Math.max(tokens, ended.outputTokens()));
    }

    private Progress now(Heartbeat total) {
        long nanos = System.nanoTime();
        lately.addLast(new Sample(nanos, total.outputTokens()));
        while (lately.size() > 2 && nanos - lately.getFirst().nanos() > LATELY.toNanos()) {
            lately.removeFirst();
        }
        return new Progress(
                Math.min(goal.outputs(), goal.outputsBefore() + total.rows()),
                goal.outputs(),
                goal.errorsBefore() + total.errors(),
                total.outputTokens(),
                tokensPerSecond(),
                eta(total.rows(), nanos));
    }

    private double tokensPerSecond() {
        Sample first = lately.getFirst();
        Sample last = lately.getLast();
        double seconds = (last.nanos() - first.nanos()) / NANOS_PER_S;
        return seconds <= 0 ? 0 : Math.max(0, last.outputTokens() - first.outputTokens()) / seconds;
    }

    /** At the pace since the start: rows of a batch end together, so that lately says little. */
    private Optional<Duration> eta(long rows, long nanos) {
        if (rows == 0) {
            return Optional.empty();
        }
        long left = Math.max(0, goal.outputs() - goal.outputsBefore() - rows);
        return Optional.of(Duration.ofNanos((long) ((double) (nanos - startNanos) / rows * left)));
    }

    /** Tells a last time. */
    @Override
    public void close() {
        ticker.close();
        spark.removeSparkListener(ears);
        tell();
    }
}
