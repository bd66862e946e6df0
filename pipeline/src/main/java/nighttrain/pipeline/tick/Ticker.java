package nighttrain.pipeline.tick;

import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Does something again and again on a daemon thread of its own; what fails once is logged and done again. */
public final class Ticker implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Ticker.class);
    private static final long END_MS = 5000;

    private final ScheduledExecutorService thread;
    private final ScheduledFuture<?> ticking;

    private Ticker(ScheduledExecutorService thread, ScheduledFuture<?> ticking) {
        this.thread = thread;
        this.ticking = ticking;
    }

    /** Starts one interval from now. */
    public static Ticker every(Duration interval, String threadName, Runnable action) {
        ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread daemon = new Thread(task, threadName);
            daemon.setDaemon(true);
            return daemon;
        });
        long ms = interval.toMillis();
        return new Ticker(
                thread, thread.scheduleAtFixedRate(() -> guarded(threadName, action), ms, ms, TimeUnit.MILLISECONDS));
    }

    private static void guarded(String name, Runnable action) {
        try {
            action.run();
        } catch (RuntimeException failed) {
            LOG.warn("{} missed a beat", name, failed);
        }
    }

    /** Once this returns, nothing is done any more, unless one time takes very long. */
    @Override
    public void close() {
        ticking.cancel(false);
        thread.shutdown();
        try {
            if (!thread.awaitTermination(END_MS, TimeUnit.MILLISECONDS)) {
                LOG.warn("still busy after {} ms", END_MS);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }
}
