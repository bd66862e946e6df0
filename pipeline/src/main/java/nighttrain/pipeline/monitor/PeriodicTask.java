package nighttrain.pipeline.monitor;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs an action periodically on a daemon thread of its own. A failure does not stop it. Of consecutive failures, the first and their
 * number are logged.
 */
public final class PeriodicTask implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PeriodicTask.class);
    private static final long END_MS = 5000;

    private final ScheduledExecutorService thread;
    private final Beat beat;
    private final ScheduledFuture<?> schedule;

    private PeriodicTask(ScheduledExecutorService thread, Beat beat, ScheduledFuture<?> schedule) {
        this.thread = thread;
        this.beat = beat;
        this.schedule = schedule;
    }

    /** Starts to run the action; the first run is one interval from now. */
    public static PeriodicTask every(Duration interval, String threadName, Runnable action) {
        ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread daemon = new Thread(task, threadName);
            daemon.setDaemon(true);
            return daemon;
        });
        long ms = interval.toMillis();
        Beat beat = new Beat(threadName, action);
        return new PeriodicTask(thread, beat, thread.scheduleAtFixedRate(beat, ms, ms, TimeUnit.MILLISECONDS));
    }

    /** One run of the action. */
    private static final class Beat implements Runnable {
        private final String name;
        private final Runnable action;
        private final AtomicLong missed = new AtomicLong();

        Beat(String name, Runnable action) {
            this.name = name;
            this.action = action;
        }

        @Override
        public void run() {
            try {
                action.run();
            } catch (RuntimeException | Error failed) { // a full local disk is an Error to Hadoop
                if (missed.getAndIncrement() == 0) {
                    LOG.warn("{} missed a beat; those that follow are counted", name, failed);
                }
                return;
            }
            tellMissed();
            missed.set(0);
        }

        void tellMissed() {
            if (missed.get() > 0) {
                LOG.warn("{} missed {} beats in a row", name, missed.get());
            }
        }
    }

    /** When this returns, the action does not run any more, unless a run takes very long. */
    @Override
    public void close() {
        schedule.cancel(false);
        thread.shutdown();
        try {
            if (!thread.awaitTermination(END_MS, TimeUnit.MILLISECONDS)) {
                LOG.warn("still busy after {} ms", END_MS);
            }
            beat.tellMissed();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }
}
