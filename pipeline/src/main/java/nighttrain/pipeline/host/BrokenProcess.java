package nighttrain.pipeline.host;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import nighttrain.executor.Engine.EngineException;
import org.apache.spark.SparkEnv;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends an executor whose GPUs no longer work in this process: every engine that it opened would fail, and with it the job. Spark
 * starts another executor.
 */
public final class BrokenProcess {
    /** Exit code that Spark itself does not use; a master, a worker or the status of a pod shows it. */
    public static final int EXIT_CODE = 90;

    private static final Logger LOG = LoggerFactory.getLogger(BrokenProcess.class);
    /** Time for other tasks of the same engine to close their journals. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** Time for the driver to learn why the tasks failed. */
    private static final long LAST_WORDS_MS = 500;

    private static final AtomicBoolean ENDING = new AtomicBoolean();

    private BrokenProcess() {}

    /** Ends this executor soon if broken GPUs caused the failure. A process that embeds Spark does not end. */
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
            Runtime.getRuntime().halt(EXIT_CODE); // shutdown hooks would try to close the broken engine
        }
    }
}
