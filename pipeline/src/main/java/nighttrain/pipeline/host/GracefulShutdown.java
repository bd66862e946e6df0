package nighttrain.pipeline.host;

import java.time.Duration;
import org.apache.spark.SparkConf;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Ends an executor on a signal. Its tasks take no more rows, finish and journal the rows in flight, and release those that take too
 * long. Then Spark's, or the JVM's, own handler of the signal runs.
 */
final class GracefulShutdown {
    private static final Logger LOG = LoggerFactory.getLogger(GracefulShutdown.class);
    /** Workers, YARN and Kubernetes send SIGKILL 10 to 30 seconds after SIGTERM. */
    private static final Duration AFTER_TERM = Duration.ofSeconds(8);
    /** Time to release rows, for which each task writes a small file. */
    private static final Duration TO_RELEASE = Duration.ofSeconds(1);

    private GracefulShutdown() {}

    /** Installs the handlers, after Spark has installed its own. */
    static void onSignals(SparkConf conf) {
        on("TERM", GracefulShutdown::finishOrRelease);
        if (conf.getBoolean("spark.decommission.enabled", false)) {
            // Spark then waits until the tasks have ended, within its configured time.
            on(conf.get("spark.executor.decommission.signal", "PWR"), () -> {});
        }
    }

    private static void on(String name, Runnable then) {
        SignalHandler[] before = new SignalHandler[1];
        before[0] = Signal.handle(new Signal(name), signal -> {
            LOG.info("SIG{}: this executor takes up no more rows", name);
            EngineHost.here().leave();
            then.run();
            before[0].handle(signal);
        });
    }

    private static void finishOrRelease() {
        try {
            EngineHost.here().awaitIdle(AFTER_TERM);
            EngineHost.here().release();
            EngineHost.here().awaitIdle(TO_RELEASE);
        } catch (InterruptedException hurried) {
            Thread.currentThread().interrupt();
        }
    }
}
