package nighttrain.pipeline.host;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import nighttrain.executor.EngineException;
import org.apache.spark.SparkEnv;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The end of an executor that its GPUs serve no more: engines that it opened would fail one after the other, and with them the
 * job. Spark starts another in its place.
 */
public final class BrokenProcess {
    /** None of Spark's own; a master, a worker or a pod's status tells it. */
    public static final int EXIT_CODE = 90;

    private static final Logger LOG = LoggerFactory.getLogger(BrokenProcess.class);
    /** Tasks that lost the same engine close their journals meanwhile. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** The driver hears meanwhile why they failed. */
    private static final long LAST_WORDS_MS = 500;

    private static final AtomicBoolean ENDING = new AtomicBoolean();

    private BrokenProcess() {}

    /** Ends this executor soon where that is what is behind a failure; an embedded Spark, which would end with it, stays. */
    public static void endIfBehind(Throwable failure) {
        if (EngineException.needsNewProcess(failure) && isExecutor() && ENDING.compareAndSet(false, true)) {
            LOG.error(
                    "GPUs serve this process no more: executor ends with exit code {} (Spark starts another)",
                    EXIT_CODE,
                    failure);
            EngineHost.here().leave();
            Thread end = new Thread(BrokenProcess::end, "night-train-end");
            end.setDaemon(true);
            end.start();
        }
    }

    private static boolean isExecutor() {
        return !SparkEnv.get().executorId().equals(EngineStarter.DRIVER);
    }

    private static void end() {
        try {
            EngineHost.here().awaitIdle(PATIENCE);
            Thread.sleep(LAST_WORDS_MS);
        } catch (InterruptedException hurried) {
            Thread.currentThread().interrupt();
        } finally {
            Runtime.getRuntime().halt(EXIT_CODE); // hooks would try to close what is broken
        }
    }
}
